/** Letters in place of pictures: cases 46 to 49 of Discourse's ways, and `AVATAR_MISSING=letter`. */
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { colourOf as letterColourOf } from '../../src/discourse/letter-rules.ts';
import type { TestApp } from '../support/app.ts';
import { startService } from '../support/service.ts';
import {
  DATE_OF_BLANK,
  near,
  type Reply,
  see,
  storeOf,
  TEN_MINUTES,
  useForum,
  YEAR,
} from './fixture.ts';

const GREY = [0xaa, 0xaa, 0xaa] as const;

const forum = useForum(
  `INSERT INTO site_settings (name, data_type, value)
   VALUES ('external_system_avatars_url', 1, 'https://letters.example.net/{first_letter}.png');\n`,
);
let app: TestApp;

beforeAll(async () => {
  app = await forum().start();
});

async function get(url: string, headers: Record<string, string> = {}, on = app): Promise<Reply> {
  return await on.server.inject({ url, headers });
}

/** The address of a letter, in Discourse's way of asking another service for it. */
function proxied(letter: string, size = 48, colour = 'aaaaaa'): string {
  return `/letter_avatar_proxy/v4/letter/${encodeURIComponent(letter)}/${colour}/${size}.png`;
}

function hex(user: string): string {
  return Buffer.from(letterColourOf(user)).toString('hex');
}

describe('a letter', () => {
  it('case 47: holds for a year, and is as old as all of them', async () => {
    const reply = await get('/letter_avatar_proxy/v3/letter/a/aaaaaa/360.png');
    expect(await see(reply)).toMatchObject({
      status: 200,
      type: 'image/png',
      cacheControl: YEAR,
      lastModified: DATE_OF_BLANK,
      colour: near(GREY),
      width: 360,
      height: 360,
    });
    expect(reply.headers).toMatchObject({
      'content-length': String(reply.rawPayload.byteLength),
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD, OPTIONS',
      'x-content-type-options': 'nosniff',
      etag: expect.stringMatching(/^"[\w-]+"$/),
    });
    expect(reply.headers).not.toHaveProperty('set-cookie');
  });

  // Discourse answers what it was not asked to draw with its blank image: its version is a digest of
  // its own programs and fonts, which nobody else can tell.
  it('case 46: is drawn at the address of a user, whatever the version', async () => {
    const [stale, other] = await Promise.all(
      ['5_0123456789abcdef', 'x'].map((version) => get(`/letter_avatar/bob/48/${version}.png`)),
    );
    const letter = await get(proxied('b', 48, hex('bob')));
    expect(stale && (await see(stale))).toMatchObject({
      status: 200,
      cacheControl: YEAR,
      width: 48,
    });
    expect(stale?.rawPayload.equals(letter.rawPayload)).toBe(true);
    expect(other?.rawPayload.equals(letter.rawPayload)).toBe(true);
  });

  // Discourse refuses, because it would ask a service that the forum does not use. Here nobody is
  // asked: the letter is drawn, and old posts that still show it go on doing so.
  it('case 48: is drawn though the forum has its letters from elsewhere', async () => {
    const rows = await forum().postgres.run(
      "SELECT value FROM site_settings WHERE name = 'external_system_avatars_url'",
      'forum',
    );
    expect(rows).toMatchObject([{ value: expect.stringContaining('letters.example.net') }]);
    expect((await get(proxied('q'))).statusCode).toBe(200);
  });

  // There is no service to ask, and so none that fails.
  it('case 49: is drawn with nothing else at hand, neither database nor store', async () => {
    const alone = await forum().start({
      AVATAR_DISCOURSE_URL: 'postgres://nobody@127.0.0.1:1/none',
      AVATAR_ORIGINALS: storeOf({ endpoint: 'http://127.0.0.1:1' }, 'none'),
    });
    expect(await see(await get(proxied('a'), {}, alone))).toMatchObject({ status: 200, width: 48 });
    const ofUser = await get('/letter_avatar/bob/48/5_0.png', {}, alone);
    expect(await see(ofUser)).toMatchObject({ status: 200, width: 48 });
  });

  it.each(['v1', 'v2', 'v3', 'v4'])('is the same in every style there was: %s', async (version) => {
    const reply = await get(proxied('a').replace('v4', version));
    expect(reply.statusCode).toBe(200);
    expect(reply.headers['etag']).toBe((await get(proxied('a'))).headers['etag']);
  });

  it.each([361, 1000, 999_999_999])('is no larger than 360 pixels: %i', async (size) => {
    const reply = await get(proxied('a', size));
    expect(await see(reply)).toMatchObject({ status: 200, width: 360, height: 360 });
    expect(reply.headers['etag']).toBe((await get(proxied('a', 360))).headers['etag']);
  });

  it('is of a name of any length, with a version of any', async () => {
    const name = '漢'.repeat(1000);
    const url = `/letter_avatar/${encodeURIComponent(name)}/48/${'5'.repeat(3000)}.png`;
    const letter = await get(proxied('漢', 48, hex(name)));
    expect((await get(url)).rawPayload.equals(letter.rawPayload)).toBe(true);
  });

  it('has the same headers for HEAD, and no body', async () => {
    const url = proxied('h', 73);
    const head = await app.server.inject({ method: 'HEAD', url });
    const reply = await get(url);
    const compared = ({ headers }: Reply): unknown => ({
      ...headers,
      date: '',
      'cache-status': '',
    });
    expect(compared(head)).toEqual(compared(reply));
    expect(head.rawPayload.byteLength).toBe(0);
  });

  it('is answered 304 to who has it, by tag and by date', async () => {
    const { headers } = await get(proxied('a'));
    const tag = String(headers['etag']);
    for (const held of [{ 'if-none-match': tag }, { 'if-modified-since': DATE_OF_BLANK }]) {
      const reply = await get(proxied('a'), held);
      expect(reply.statusCode).toBe(304);
      expect(reply.headers).toMatchObject({ etag: tag, 'cache-control': YEAR });
      expect(reply.rawPayload.byteLength).toBe(0);
    }
    expect((await get(proxied('b'), { 'if-none-match': tag })).statusCode).toBe(200);
  });

  it.each([
    ['Latin', 'é', 'É'],
    ['Latin, in parts', 'e\u0301', 'É'],
    ['Greek', 'σ', 'Σ'],
    ['Cyrillic', 'ж', 'Ж'],
    ['Hebrew', 'א', 'א'],
    ['Arabic', 'ش', 'ش'],
    ['Thai', 'ก', 'ก'],
    ['Hiragana', 'あ', 'あ'],
    ['Han', '漢', '漢'],
    ['Hangul', '한', '한'],
  ])('can be %s, in either case', async (_script, letter, upper) => {
    const [nobody, first, second] = await Promise.all(
      ['\u{F0000}', letter, upper].map((each) => get(proxied(each))),
    );
    expect(first?.statusCode).toBe(200);
    expect(first?.rawPayload.equals(nobody?.rawPayload ?? Buffer.alloc(0))).toBe(false);
    expect(first?.headers['etag']).toBe(second?.headers['etag']);
  });

  it.each([
    ['a style to come', '/letter_avatar_proxy/v5/letter/a/aaaaaa/48.png'],
    ['no style', '/letter_avatar_proxy/letter/a/aaaaaa/48.png'],
    ['no colour', '/letter_avatar_proxy/v4/letter/a/48.png'],
    ['a colour that is none', '/letter_avatar_proxy/v4/letter/a/gggggg/48.png'],
    ['a size too small', '/letter_avatar_proxy/v4/letter/a/aaaaaa/7.png'],
    ['a size that is no number', '/letter_avatar_proxy/v4/letter/a/aaaaaa/big.png'],
    ['another extension', '/letter_avatar_proxy/v4/letter/a/aaaaaa/48.jpg'],
    ['no letter', '/letter_avatar_proxy/v4/letter//aaaaaa/48.png'],
    ['no user', '/letter_avatar//48/5_0.png'],
    ['no version', '/letter_avatar/bob/48.png'],
  ])('is not to be had with %s: 404', async (_what, url) => {
    expect(await see(await get(url))).toMatchObject({ status: 404, cacheControl: TEN_MINUTES });
  });
});

describe('AVATAR_MISSING=letter', () => {
  let lettered: TestApp;

  beforeAll(async () => {
    lettered = await forum().start({ AVATAR_MISSING: 'letter' });
  });

  it.each([
    ['somebody without an avatar', 'Zed/48/10_2', 'z', 'zed'],
    ['nobody', 'nobody/48/10_2', 'n', 'nobody'],
    ['a name beyond ASCII', '%C3%96zil/48/10_2', 'Ö', 'özil'],
    ['a version to come', 'bob/48/10_3', 'b', 'bob'],
  ])('shows %s by the letter, for ten minutes', async (_what, path, letter, user) => {
    const reply = await get(`/user_avatar/default/${path}.png`, {}, lettered);
    expect(await see(reply)).toMatchObject({
      status: 200,
      type: 'image/png',
      cacheControl: TEN_MINUTES,
      width: 48,
      height: 48,
    });
    const expected = await get(proxied(letter, 48, hex(user)));
    expect(reply.rawPayload.equals(expected.rawPayload)).toBe(true);
  });

  it('shows none that is larger than letters are', async () => {
    const large = await forum().start({ AVATAR_MISSING: 'letter', AVATAR_SIZES: 'any' });
    const reply = await get('/user_avatar/default/zed/1000/10_2.png', {}, large);
    const expected = await get(proxied('z', 360, hex('zed')));
    expect(reply.rawPayload.equals(expected.rawPayload)).toBe(true);
  });

  it('shows the picture of nobody for a name without a letter', async () => {
    const reply = await get('/user_avatar/default/%00/48/10_2.png', {}, lettered);
    expect(await see(reply)).toMatchObject({ status: 200, cacheControl: TEN_MINUTES, width: 48 });
    const silhouette = await get(proxied('\u{F0000}', 48, hex('\0')));
    expect(reply.rawPayload.equals(silhouette.rawPayload)).toBe(true);
  });

  it('shows whose avatar there is', async () => {
    const reply = await get('/user_avatar/default/bob/48/10_2.png', {}, lettered);
    expect(await see(reply)).toMatchObject({ status: 200, cacheControl: YEAR });
  });
});

describe('drawing', () => {
  it('loads neither fonts nor encoders into the process that answers', async () => {
    const hook = `
      import { registerHooks } from 'node:module';
      import { writeSync } from 'node:fs';
      registerHooks({ load(url, context, next) {
        writeSync(1, 'LOADED ' + process.pid + ' ' + url + '\\n');
        return next(url, context);
      } });`;
    const service = await startService({
      ...forum().variables,
      AVATAR_RENDERS: '1',
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}`,
    });
    onTestFinished(async () => {
      service.child.kill('SIGKILL');
      await service.exited;
    });
    await service.ready();
    const reply = await fetch(service.url + proxied('漢', 360));
    expect(reply.status).toBe(200);
    expect((await reply.arrayBuffer()).byteLength).toBeGreaterThan(500);
    const loaded = service
      .output()
      .split('\n')
      .filter((line) => line.startsWith(`LOADED ${service.child.pid} `));
    expect(loaded.filter((line) => line.endsWith('/src/http/letters.ts'))).toHaveLength(1);
    expect(
      loaded.filter((line) => /letters\/(?:draw|fonts|shaper|woff2)|harfbuzz|\/sharp\//.test(line)),
    ).toEqual([]);
  });
});
