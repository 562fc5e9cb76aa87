/**
 * What clients send as Accept, and what they are to be given with `AVATAR_NEGOTIATE=avif,webp`. The
 * service, the CloudFront Function and the map of the nginx example all answer to these lists.
 *
 * Each value is as its source has it, spaces included:
 * - MDN: its list of default Accept values, for images and for navigation.
 * - Source: the program's own published source sets it.
 * - Record: a request somebody published (a log, a paste, a bug report, headers copied from a browser).
 * - Hearsay: no record was found; the value is the one usually given for it, and stands here because the
 *   client matters. All of these are wildcards.
 */
import type { Format } from '../../src/vocabulary/formats.ts';

export type Client = {
  readonly who: string;
  /** Undefined: it sends no such header. */
  readonly accept: string | undefined;
  readonly gets: Extract<Format, 'avif' | 'webp' | 'png'>;
};

const ANYTHING = '*/*';

/** For `<img>`, which is how avatars are asked for. */
const BROWSERS_IMAGES: Client[] = [
  // Source: Chromium's network_utils; the same in Edge, Opera, Brave, Vivaldi, Samsung Internet.
  {
    who: 'Chrome of today',
    accept: 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8',
    gets: 'avif',
  },
  // MDN.
  {
    who: 'Chrome from 85 on, Edge from 121 on',
    accept: 'image/avif,image/webp,image/apng,image/*,*/*;q=0.8',
    gets: 'avif',
  },
  // Source: Chromium before AVIF, and all Edge before 121.
  { who: 'Chrome 59 to 84', accept: 'image/webp,image/apng,image/*,*/*;q=0.8', gets: 'webp' },
  {
    who: 'Edge before 121',
    accept: 'image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8',
    gets: 'webp',
  },
  // Record: a request of Chrome 55.
  { who: 'Chrome 40 to 58', accept: 'image/webp,image/*,*/*;q=0.8', gets: 'webp' },
  // Record: a table of mobile browsers of 2014.
  { who: 'Chrome 33 for Android', accept: 'image/webp,*/*;q=0.8', gets: 'webp' },
  { who: 'Safari of iOS 7, and Chrome there', accept: ANYTHING, gets: 'png' },
  {
    who: 'Internet Explorer 10 for phones',
    accept: 'image/png,image/svg+xml,image/*; q=0.8,*/*; q=0.5',
    gets: 'png',
  },
  { who: 'Android Browser 4.1', accept: undefined, gets: 'png' },
  // MDN.
  {
    who: 'Firefox 128 and later',
    accept: 'image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5',
    gets: 'avif',
  },
  { who: 'Firefox 92 to 127', accept: 'image/avif,image/webp,*/*', gets: 'avif' },
  { who: 'Firefox 65 to 91', accept: 'image/webp,*/*', gets: 'webp' },
  { who: 'Firefox 47 to 63', accept: ANYTHING, gets: 'png' },
  { who: 'Firefox before 47', accept: 'image/png,image/*;q=0.8,*/*;q=0.5', gets: 'png' },
  // Record: a request of Safari 17.6.
  {
    who: 'Safari 17 and later',
    accept:
      'image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,' +
      'image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5',
    gets: 'avif',
  },
  // Record: requests of Safari 16.2 on macOS and 16.6 on iOS.
  {
    who: 'Safari 16',
    accept: 'image/webp,image/avif,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5',
    gets: 'avif',
  },
  // MDN.
  {
    who: 'Safari 14 and 15',
    accept: 'image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5',
    gets: 'webp',
  },
  {
    who: 'Safari before 14',
    accept: 'image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5',
    gets: 'png',
  },
  // Record: requests of Windows 10.
  {
    who: 'Edge before 79, Internet Explorer 11 of Windows 10',
    accept: 'image/png, image/svg+xml, image/jxr, image/*;q=0.8, */*;q=0.5',
    gets: 'png',
  },
  {
    who: 'Internet Explorer 9 to 11',
    accept: 'image/png, image/svg+xml, image/*;q=0.8, */*;q=0.5',
    gets: 'png',
  },
  // Record: a request for the logo of a search engine, 2007.
  { who: 'Internet Explorer 7', accept: ANYTHING, gets: 'png' },
  // Record: what a test harness of an app of Tauri's received on Linux.
  {
    who: 'WebKitGTK with JPEG XL',
    accept:
      'image/webp,image/avif,image/jxl,video/*;q=0.8,' +
      'image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5',
    gets: 'avif',
  },
  // Record: headers of Firefox 115 with image.jxl.enabled, as its forks have it.
  { who: 'Firefox with JPEG XL', accept: 'image/avif,image/jxl,image/webp,*/*', gets: 'avif' },
  // Record: headers of MicroMessenger 8.0.21.
  {
    who: 'WeChat on Android',
    accept: 'image/avif,image/webp,image/wxpic,image/tpg,image/apng,image/*,*/*;q=0.8',
    gets: 'avif',
  },
  // The Fetch Standard's own value for images, which Ladybird sent until 2026.
  {
    who: 'what follows the Fetch Standard to the letter',
    accept: 'image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5',
    gets: 'png',
  },
];

/** For an avatar opened in a tab of its own. */
const BROWSERS_NAVIGATING: Client[] = [
  // MDN, and a record of Chrome 114.
  {
    who: 'Chrome 114 and later',
    accept:
      'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,' +
      '*/*;q=0.8,application/signed-exchange;v=b3;q=0.7',
    gets: 'avif',
  },
  // Record: a cache's log of a request of Chrome 96.
  {
    who: 'Chrome 85 to 113',
    accept:
      'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,' +
      '*/*;q=0.8,application/signed-exchange;v=b3;q=0.9',
    gets: 'avif',
  },
  // Record: a description of signed exchanges.
  {
    who: 'Chrome 79 to 84',
    accept:
      'text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,image/apng,' +
      '*/*;q=0.8,application/signed-exchange;v=b3;q=0.9',
    gets: 'webp',
  },
  // Record: requests of Chrome 73, 75 and 78.
  {
    who: 'Chrome 73 to 78',
    accept:
      'text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,image/apng,' +
      '*/*;q=0.8,application/signed-exchange;v=b3',
    gets: 'webp',
  },
  // MDN.
  {
    who: 'Chrome 59 to 72',
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,image/apng,*/*;q=0.8',
    gets: 'webp',
  },
  {
    who: 'Firefox 128 to 131',
    accept:
      'text/html,application/xhtml+xml,application/xml;q=0.9,' +
      'image/avif,image/webp,image/png,image/svg+xml,*/*;q=0.8',
    gets: 'avif',
  },
  {
    who: 'Firefox 92 to 127',
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    gets: 'avif',
  },
  {
    who: 'Firefox 72 to 91, Chrome before 59',
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8',
    gets: 'webp',
  },
  {
    who: 'Firefox 132 and later, 66 to 71; Safari since 5; every Chrome on iOS',
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    gets: 'png',
  },
  {
    who: 'Edge before 79',
    accept: 'text/html, application/xhtml+xml, image/jxr, */*',
    gets: 'png',
  },
  {
    who: 'Opera 12',
    accept:
      'text/html, application/xml;q=0.9, application/xhtml+xml, image/png, image/webp, ' +
      'image/jpeg, image/gif, image/x-xbitmap, */*;q=0.1',
    gets: 'webp',
  },
  // Record: a request of Internet Explorer 8.
  {
    who: 'Internet Explorer 8 with Office',
    accept:
      'image/jpeg, application/x-ms-application, image/gif, application/xaml+xml, image/pjpeg, ' +
      'application/x-ms-xbap, application/vnd.ms-excel, application/vnd.ms-powerpoint, ' +
      'application/msword, */*',
    gets: 'png',
  },
  {
    who: 'Internet Explorer 9 to 11',
    accept: 'text/html, application/xhtml+xml, */*',
    gets: 'png',
  },
  // Record: a request of Chrome 9.
  {
    who: 'Chrome 9, and others on WebKit of its day',
    accept:
      'application/xml,application/xhtml+xml,text/html;q=0.9,text/plain;q=0.8,image/png,*/*;q=0.5',
    gets: 'png',
  },
  // Record: requests of Firefox 2; and source: WebKit of 2007.
  {
    who: 'Firefox 1 and 2, Safari 3',
    accept:
      'text/xml,application/xml,application/xhtml+xml,text/html;q=0.9,text/plain;q=0.8,' +
      'image/png,*/*;q=0.5',
    gets: 'png',
  },
  // Record: the environment of a CGI program.
  {
    who: 'Firefox 0.8',
    accept:
      'text/xml,application/xml,application/xhtml+xml,text/html;q=0.9,text/plain;q=0.8,' +
      'video/x-mng,image/png,image/jpeg,image/gif;q=0.2,*/*;q=0.1',
    gets: 'png',
  },
  // Record: the example of a book on HTTP.
  {
    who: 'Galeon 1.2, and Mozilla of its day',
    accept:
      'text/xml,application/xml,application/xhtml+xml,text/html;q=0.9, text/plain;q=0.8, ' +
      'video/x-mng,image/png,image/jpeg,image/gif;q=0.2, text/css,*/*;q=0.1',
    gets: 'png',
  },
  // Record: a request of Firefox 115 with image.jxl.enabled.
  {
    who: 'Firefox with JPEG XL',
    accept:
      'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/jxl,image/webp,' +
      '*/*;q=0.8',
    gets: 'avif',
  },
  // Record: requests of Internet Explorer 6 in several descriptions of HTTP.
  {
    who: 'Internet Explorer 6 with Office and Flash',
    accept:
      'image/gif, image/x-xbitmap, image/jpeg, image/pjpeg, application/x-shockwave-flash, ' +
      'application/vnd.ms-excel, application/vnd.ms-powerpoint, application/msword, */*',
    gets: 'png',
  },
  // Record: the value that a web framework was given a test for.
  {
    who: 'Internet Explorer 6 with Flash',
    accept:
      'image/gif, image/x-xbitmap, image/jpeg, image/pjpeg, application/x-shockwave-flash, */*',
    gets: 'png',
  },
  // Source: Exchange's own monitoring and a library for Delphi send it in its name.
  {
    who: 'Internet Explorer before 8 by itself',
    accept: 'image/gif, image/x-xbitmap, image/jpeg, image/pjpeg, */*',
    gets: 'png',
  },
  // Record: the tests of a library that negotiates.
  {
    who: 'Opera 9 and 10',
    accept:
      'text/html, application/xml;q=0.9, application/xhtml+xml, image/png, ' +
      'image/jpeg, image/gif, image/x-xbitmap, */*;q=0.1',
    gets: 'png',
  },
  // Record: requests of Konqueror 4.3.
  {
    who: 'Konqueror 4',
    accept: 'text/html, image/jpeg;q=0.9, image/png;q=0.9, text/*;q=0.9, image/*;q=0.9, */*;q=0.8',
    gets: 'png',
  },
  // Source: KIO's http_slave_defaults.h.
  {
    who: 'Konqueror 5 and all that KDE fetches with KIO',
    accept: 'text/html, text/*;q=0.9, image/jpeg;q=0.9, image/png;q=0.9, image/*;q=0.9, */*;q=0.8',
    gets: 'png',
  },
  // Record: headers of MicroMessenger 6.6.
  {
    who: 'WeChat on Android, 2018',
    accept:
      'text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,image/apng,' +
      'image/wxpic,image/sharpp,image/apng,*/*;q=0.8',
    gets: 'webp',
  },
  // Record: headers of WeChat's XWEB 14185.
  {
    who: 'WeChat on Windows',
    accept:
      'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/wxpic,image/webp,' +
      'image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7',
    gets: 'avif',
  },
  // Source: QQ Browser's MttRequest.
  {
    who: 'QQ Browser, 2012',
    accept:
      'application/vnd.wap.xhtml+xml,application/xml,text/vnd.wap.wml,text/html,' +
      'application/xhtml+xml,image/jpeg;q=0.5,image/png;q=0.5,image/gif;q=0.5,image/*;q=0.6,' +
      'video/*,audio/*,*/*;q=0.6',
    gets: 'png',
  },
  // Source: programs that say they are UCWEB 7.4, with the semicolon at the end.
  {
    who: 'UC Browser for Java phones',
    accept:
      'application/vnd.wap.xhtml+xml,application/xml,text/vnd.wap.wml,text/html,' +
      'application/xhtml+xml,image/jpeg;q=0.5,image/png;q=0.5,image/gif;q=0.5,image/*;q=0.6,' +
      'video/*,audio/*,*/*;',
    gets: 'png',
  },
  // Record: what a library that knows mobile phones is tried on.
  {
    who: 'BlackBerry 4',
    accept:
      'application/vnd.rim.html,text/html,application/xhtml+xml,application/vnd.wap.xhtml+xml,' +
      'text/vnd.sun.j2me.app-descriptor,image/vnd.rim.png,image/jpeg,application/x-vnd.rim.pme.b,' +
      'application/vnd.rim.ucs,image/gif;anim=1,application/vnd.rim.jscriptc;v=0-8-8,' +
      'application/x-javascript,application/vnd.rim.css;v=1,text/css;media=screen,' +
      'application/vnd.wap.wmlc;q=0.9,application/vnd.wap.wmlscriptc;q=0.7,' +
      'text/vnd.wap.wml;q=0.7,*/*;q=0.5',
    gets: 'png',
  },
  // Record: what a server's tests print of a Chinese browser on Chromium's engine.
  {
    who: 'a browser with an order of its own',
    accept:
      'text/html,image/webp,image/apng,application/xhtml+xml,' +
      'application/signed-exchange;v=b3,application/xml;q=0.9,*/*;q=0.8',
    gets: 'webp',
  },
];

/** For an avatar opened in a terminal. */
const TEXT_BROWSERS: Client[] = [
  // Record: requests of w3m 0.5.3, the second seen on the wire.
  { who: 'w3m', accept: 'text/html, text/*;q=0.5, image/*', gets: 'png' },
  {
    who: 'w3m with helpers of its own',
    accept: 'text/html, text/*;q=0.5, image/*, application/*',
    gets: 'png',
  },
  // Record: a request of Lynx 2.9.
  {
    who: 'Lynx 2.9',
    accept: 'text/html, text/plain, text/sgml, text/css, */*;q=0.01',
    gets: 'png',
  },
  {
    who: 'Lynx 2.8',
    accept: 'text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01',
    gets: 'png',
  },
];

const CRAWLERS: Client[] = [
  // Google's own description of its crawler's headers, 2008.
  { who: 'Googlebot and Googlebot-Image, 2008', accept: ANYTHING, gets: 'png' },
  // Record: a cache's log of 2018.
  {
    who: 'Googlebot, 2018',
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    gets: 'png',
  },
  // Record: requests that look for signed exchanges.
  {
    who: 'Googlebot since 2019',
    accept:
      'text/html,application/xhtml+xml,application/signed-exchange;v=b3,' +
      'application/xml;q=0.9,*/*;q=0.8',
    gets: 'png',
  },
  // Record: a bug report about pictures in Lighthouse's eyes.
  { who: 'Lighthouse', accept: ANYTHING, gets: 'png' },
  // Record: what an echo service was asked with.
  { who: 'ClaudeBot', accept: ANYTHING, gets: 'png' },
  // Hearsay.
  { who: 'Googlebot-Image', accept: ANYTHING, gets: 'png' },
  { who: 'Bingbot', accept: ANYTHING, gets: 'png' },
  { who: 'facebookexternalhit', accept: ANYTHING, gets: 'png' },
  { who: 'Twitterbot', accept: ANYTHING, gets: 'png' },
  { who: 'Slackbot and its image proxy', accept: ANYTHING, gets: 'png' },
  { who: 'Discordbot', accept: ANYTHING, gets: 'png' },
];

const MAIL: Client[] = [
  // Apple Mail shows mail with WebKit, Thunderbird with Gecko: as Safari and Firefox of their day.
  {
    who: 'Apple Mail of macOS 14 and iOS 17',
    accept:
      'image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,' +
      'image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5',
    gets: 'avif',
  },
  {
    who: 'Apple Mail of macOS 10.15 and iOS 13',
    accept: 'image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5',
    gets: 'png',
  },
  {
    who: 'Thunderbird 128 and later',
    accept: 'image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5',
    gets: 'avif',
  },
  { who: 'Thunderbird 78', accept: 'image/webp,*/*', gets: 'webp' },
  // Webmail without a proxy of its own leaves its pictures to the browser.
  {
    who: 'webmail in Chrome',
    accept: 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8',
    gets: 'avif',
  },
  // Record: by this header a mailer's statistics tell it from readers.
  {
    who: 'Apple Mail’s privacy proxy',
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    gets: 'png',
  },
  // Hearsay. Outlook for Windows draws with Word, which reads no WebP: a reason to want it named.
  { who: 'Outlook for Windows', accept: ANYTHING, gets: 'png' },
  { who: 'the image proxy of Gmail', accept: ANYTHING, gets: 'png' },
  { who: 'the image proxy of Yahoo Mail', accept: ANYTHING, gets: 'png' },
];

/** Apps, their libraries, command lines. Source, unless it says otherwise. */
const PROGRAMS: Client[] = [
  { who: 'curl', accept: ANYTHING, gets: 'png' },
  { who: 'wget 1', accept: ANYTHING, gets: 'png' },
  {
    who: 'wget 2',
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    gets: 'png',
  },
  { who: 'python-requests', accept: ANYTHING, gets: 'png' },
  { who: 'HTTPX, aiohttp, HTTPie', accept: ANYTHING, gets: 'png' },
  { who: 'urllib', accept: undefined, gets: 'png' },
  { who: 'Go', accept: undefined, gets: 'png' },
  { who: 'OkHttp, and so Coil, Glide and Picasso', accept: undefined, gets: 'png' },
  { who: 'Dart, and so Flutter', accept: undefined, gets: 'png' },
  { who: 'URLSession of macOS and iOS', accept: ANYTHING, gets: 'png' },
  { who: 'fetch of Node', accept: ANYTHING, gets: 'png' },
  { who: 'axios', accept: 'application/json, text/plain, */*', gets: 'png' },
  { who: 'Ruby', accept: ANYTHING, gets: 'png' },
  {
    who: 'Java 8 to 11',
    accept: 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2',
    gets: 'png',
  },
  // Record: a request of Java 17.
  {
    who: 'Java 17',
    accept: 'text/html, image/gif, image/jpeg, */*; q=0.2',
    gets: 'png',
  },
  {
    who: 'SimplePie, and so FreshRSS and WordPress',
    accept:
      'application/atom+xml, application/rss+xml, application/rdf+xml;q=0.9, ' +
      'application/xml;q=0.8, text/xml;q=0.8, text/html;q=0.7, unknown/unknown;q=0.1, ' +
      'application/unknown;q=0.1, */*;q=0.1',
    gets: 'png',
  },
  {
    who: 'feedparser, and what reads podcasts with it',
    accept:
      'application/atom+xml,application/rdf+xml,application/rss+xml,application/x-netcdf,' +
      'application/xml;q=0.9,text/xml;q=0.2,*/*;q=0.1',
    gets: 'png',
  },
  { who: 'SDWebImage 3 and 4', accept: 'image/*;q=0.8', gets: 'png' },
  { who: 'SDWebImage 5', accept: 'image/*,*/*;q=0.8', gets: 'png' },
  { who: 'SDWebImage 4 with WebP', accept: 'image/webp,image/*;q=0.8', gets: 'webp' },
  { who: 'Camo, GitHub’s image proxy, asked without Accept', accept: 'image/*', gets: 'png' },
  {
    who: 'a browser extension that wants AVIF of Reddit',
    accept: 'image/avif,image/webp,*/*',
    gets: 'avif',
  },
  {
    who: 'Mastodon, looking for an actor',
    accept:
      'application/activity+json, application/ld+json; ' +
      'profile="https://www.w3.org/ns/activitystreams"',
    gets: 'png',
  },
];

/** What the edges make of all the above; the service must understand them too. */
const FOLDED: Client[] = [
  { who: 'an edge, for AVIF and WebP', accept: 'image/avif,image/webp,*/*', gets: 'avif' },
  { who: 'an edge, for WebP', accept: 'image/webp,*/*', gets: 'webp' },
  { who: 'an edge, for neither', accept: ANYTHING, gets: 'png' },
];

export const REAL: readonly Client[] = [
  ...BROWSERS_IMAGES,
  ...BROWSERS_NAVIGATING,
  ...TEXT_BROWSERS,
  ...CRAWLERS,
  ...MAIL,
  ...PROGRAMS,
  ...FOLDED,
];

/** Made up, but nothing that the grammar forbids. */
export const MADE_UP: readonly Client[] = [
  { who: 'AVIF refused', accept: 'image/avif;q=0,image/webp,*/*', gets: 'webp' },
  { who: 'AVIF refused in full', accept: 'image/avif; q=0.000, image/webp;q=0.9', gets: 'webp' },
  { who: 'both refused', accept: 'image/avif;q=0,image/webp;q=0.0,*/*', gets: 'png' },
  { who: 'WebP refused', accept: 'image/webp;q=0,image/avif,*/*;q=0.1', gets: 'avif' },
  { who: 'named and refused', accept: 'image/avif,image/webp,image/avif;q=0', gets: 'webp' },
  { who: 'refused and named', accept: 'image/avif;q=0,image/webp,image/avif', gets: 'webp' },
  { who: 'AVIF alone', accept: 'image/avif', gets: 'avif' },
  { who: 'a little', accept: 'image/webp;q=0.001', gets: 'webp' },
  { who: 'in full', accept: 'image/webp;q=1.000', gets: 'webp' },
  { who: 'with a bare point', accept: 'image/webp;q=1.', gets: 'webp' },
  { who: 'in capitals', accept: 'IMAGE/AVIF;Q=1.0', gets: 'avif' },
  { who: 'with tabs', accept: 'text/html\t,\timage/webp\t;\tq=0.5\t', gets: 'webp' },
  { who: 'nothing', accept: '', gets: 'png' },
  { who: 'empty elements', accept: ',, ,image/webp,, ,', gets: 'webp' },
  { who: 'only PNG refused', accept: 'image/png;q=0', gets: 'png' },
  { who: 'everything refused', accept: '*/*;q=0', gets: 'png' },
  { who: 'AVIF with a parameter', accept: 'image/avif;profile=x,*/*', gets: 'png' },
  { who: 'AVIF sequences', accept: 'image/avif-sequence,image/webp2,*/*', gets: 'png' },
  { who: 'a type that ends alike', accept: 'x-image/webp,*/*', gets: 'png' },
];

export const MALFORMED: readonly Client[] = [
  { who: 'a weight of 9', accept: 'image/avif;q=9,image/webp', gets: 'webp' },
  { who: 'a weight of 1.5', accept: 'image/avif;q=1.5,*/*', gets: 'png' },
  { who: 'a weight below nothing', accept: 'image/avif;q=-1,image/webp;q=-0', gets: 'png' },
  { who: 'a weight in words', accept: 'image/avif;q=high,*/*', gets: 'png' },
  { who: 'a weight of nothing', accept: 'image/avif;q=,image/webp;q', gets: 'png' },
  { who: 'a comma for a point', accept: 'image/webp;q=0,5', gets: 'png' },
  { who: 'a weight of 1 with more to it', accept: 'image/webp;q=1x', gets: 'png' },
  { who: 'semicolons for commas', accept: 'image/avif;image/webp;*/*', gets: 'png' },
  { who: 'spaces for commas', accept: 'image/avif image/webp */*', gets: 'png' },
  { who: 'a space within', accept: 'image/ webp,image /avif', gets: 'png' },
  { who: 'formats without types', accept: 'avif,webp', gets: 'png' },
  { who: 'an open quotation', accept: 'text/html;a=",image/avif,image/webp', gets: 'png' },
  { who: 'a format in quotes', accept: 'text/html;a=",image/avif,",*/*', gets: 'png' },
  { who: 'a header within the header', accept: 'Accept: image/avif,*/*', gets: 'png' },
  { who: 'slashes', accept: '/,//,image//webp,image/', gets: 'png' },
  { who: 'a thousand letters and one', accept: `image/webp,${'a'.repeat(990)}`, gets: 'png' },
  { who: '8 kB of letters', accept: 'a'.repeat(8000), gets: 'png' },
  { who: '8 kB of commas', accept: ','.repeat(8000), gets: 'png' },
  { who: '8 kB of spaces', accept: `image/webp${' '.repeat(7990)};`, gets: 'png' },
  { who: '8 kB of tabs between', accept: `text/html,${'\t'.repeat(7900)}image/avif`, gets: 'png' },
  { who: '8 kB of digits', accept: `image/avif;q=0.${'1'.repeat(7980)}`, gets: 'png' },
  { who: '8 kB of parameters', accept: `image/avif${';q=1'.repeat(1990)}`, gets: 'png' },
  { who: '500 entries', accept: Array(500).fill('image/webp;q=9').join(','), gets: 'png' },
  { who: '500 wildcards', accept: Array(500).fill('*/*;q=0.9').join(', '), gets: 'png' },
  { who: 'a kilobyte of bad weights', accept: 'image/webp;q=9,'.repeat(66), gets: 'png' },
  { who: 'a kilobyte of wildcards', accept: '*/*;q=0.9,'.repeat(99), gets: 'png' },
  {
    who: 'a hundred spaces',
    accept: `${' '.repeat(100)}image/webp${' '.repeat(100)}`,
    gets: 'webp',
  },
];

/**
 * Where weights are compared, which the map of nginx cannot do: it takes every format that is named
 * and not refused.
 */
export const WEIGHED: readonly Client[] = [
  { who: 'WebP liked better', accept: 'image/avif;q=0.5,image/webp', gets: 'webp' },
  {
    who: 'WebP liked better, by little',
    accept: 'image/webp;q=0.8,image/avif;q=0.799',
    gets: 'webp',
  },
  { who: 'PNG liked better', accept: 'image/png,image/avif;q=0.9,image/webp;q=0.9', gets: 'png' },
  { who: 'other pictures liked better', accept: 'image/webp;q=0.5,image/*', gets: 'png' },
  { who: 'anything liked better', accept: 'image/webp;q=0.5,*/*', gets: 'png' },
  {
    who: 'PNG liked less than other pictures',
    accept: 'image/png;q=0.1,image/webp;q=0.5,image/*,*/*',
    gets: 'webp',
  },
  {
    who: 'other pictures liked less than anything',
    accept: 'image/*;q=0.3,image/avif;q=0.4,*/*;q=0.9',
    gets: 'avif',
  },
  { who: 'PNG as much as AVIF', accept: 'image/png;q=0.7,image/avif;q=0.7', gets: 'avif' },
  { who: 'a weight of PNG that is none', accept: 'image/png;q=7,image/webp;q=0.5', gets: 'webp' },
];
