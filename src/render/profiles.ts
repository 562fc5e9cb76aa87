/**
 * How each format is encoded: with those settings, of many tried, that make the fewest bytes at the likeness
 * that Discourse's own pictures have. `npm run bench:quality` measures both (docs/quality.md), and
 * `npm run bench:settings` what others would make (docs/encoder-settings.md). A profile's version is part
 * of every entity tag and variant key: whoever changes what a profile makes of the same pixels raises it (a
 * test compares the bytes), and all of them whoever changes how originals become pixels. PNG has an encoder
 * of its own, in `png/`.
 */
import type { AvifOptions, GifOptions, JpegOptions, WebpOptions } from 'sharp';
import type { ProfileVersions } from '../avatar/variant.ts';
import type { Survey } from './png/survey.ts';

export const PROFILE_VERSIONS: ProfileVersions = {
  png: 5,
  jpg: 3,
  webp: 5,
  avif: 5,
  gif: 2,
  awebp: 2,
  agif: 2,
  svg: 1,
};

/** The same for letters: their fonts, shapes and encoder. */
export const LETTERS_VERSION = 5;

/** Up to here a saturated detail is a pixel or two, and all of the picture a few hundred bytes. */
const TINY = 32;
/** Up to here slower, tighter settings cost little beside the decoder; beyond the second, they do not pay. */
const MEDIUM = 192;
const LARGE = 360;

/**
 * Up to 360 pixels full colour resolution at quality 84 is nearer to the original than halved at 88,
 * and hardly larger.
 */
export function jpegProfile(size: number): JpegOptions {
  return { quality: 84, chromaSubsampling: size <= LARGE ? '4:4:4' : '4:2:0', mozjpeg: false };
}

/**
 * Photographs as near to the original as what Discourse makes of them, for less bytes than at any quality
 * above. Lossy WebP halves the resolution of colour: done with an eye on edges, which takes half as long
 * again, a fourteenth of the bytes goes at the same likeness. Drawings nearly without loss, which is as
 * small. Never above effort 4: with alpha, effort 6 was measured at two seconds for 240 pixels.
 */
export function webpProfile(size: number, facts: Survey): WebpOptions {
  if (isDrawing(facts) && size <= LARGE) return { nearLossless: true, quality: 40, effort: 2 };
  const quality = size <= TINY ? 86 : 83;
  return { quality, smartSubsample: true, effort: size <= MEDIUM ? 4 : 2 };
}

/**
 * Photographs tuned for structure, which takes a twelfth of the bytes away at the same likeness;
 * drawings are better left to the encoder. At 288 pixels effort 2 takes more than three times as long as
 * the PNG.
 */
export function avifProfile(size: number, facts: Survey): AvifOptions {
  const effort = avifEffort(size);
  return isDrawing(facts)
    ? { quality: 62, effort, tune: 'iq' }
    : { quality: 64, effort, tune: 'ssim' };
}

/** Few colours, and areas of them: what lossless coding is good at. */
export function isDrawing({ colours, isNoisy }: Survey): boolean {
  return colours !== undefined && !isNoisy;
}

function avifEffort(size: number): number {
  if (size <= MEDIUM) return 2;
  return size <= LARGE ? 1 : 0;
}

/**
 * Nobody sees one frame of many for long. Colours are halved without an eye on edges, unlike those of
 * stills: where as much moves as may, that would take up to twice as long.
 */
export const MOVING_WEBP_PROFILE: WebpOptions = { quality: 80, effort: 2 };

/** The most effort takes five times as long for 4 % of the bytes. */
export const GIF_PROFILE: GifOptions = { effort: 1 };
