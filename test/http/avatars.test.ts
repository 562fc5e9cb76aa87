import { utimes } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { card, distanceFromCard, lookAt } from '../support/cards.ts';
import { createFolder, startApp, type TestApp } from '../support/app.ts';
import { moveClock } from '../support/clock.ts';

const YEAR = 'public, max-age=31536000, immutable';
const TEN_MINUTES = 'public, max-age=600';

let folder: Awaited<ReturnType<typeof createFolder>>;
let app: TestApp;

beforeAll(async () => {
  folder = await createFolder({
    'meta.discourse.org/jongnam/52330_1': await card(400, 300).jpeg().toBuffer(),
    'h/유니 코드/1': await card(64, 64).png().toBuffer(),
    'h/broken/1': Buffer.from('<html>not found</html>'),
    'h/empty/1': Buffer.alloc(0),
    'h/vector/1': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
  });
  app = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}` });
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

async function get(
  path: string,
  headers: Record<string, string> = {},
  method: 'GET' | 'HEAD' = 'GET',
) {
  return await app.server.inject({ method, url: path, headers });
}

const JONGNAM = '/user_avatar/meta.discourse.org/jongnam/90/52330_1.png';

describe('an avatar', () => {
  it('comes in the size asked for, with every header of the contract', async () => {
    const reply = await get(JONGNAM);
    expect(reply.statusCode).toBe(200);
    const picture = await lookAt(reply.rawPayload);
    expect(picture).toMatchObject({ width: 90, height: 90 });
    expect(distanceFromCard(picture.corners)).toBeLessThan(12);
    expect(reply.headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(reply.rawPayload.byteLength),
      'cache-control': YEAR,
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
      'x-content-type-options': 'nosniff',
    });
    expect(reply.headers['etag']).toMatch(/^"png\d+-90-[\w.-]+"$/);
    expect(Date.parse(String(reply.headers['last-modified']))).toBeGreaterThan(0);
    expect(reply.headers).not.toHaveProperty('set-cookie');
    expect(reply.headers).not.toHaveProperty('vary');
  });

  it('says how it came about (RFC 9211)', async () => {
    const path = '/user_avatar/meta.discourse.org/jongnam/91/52330_1.png';
    expect((await get(path)).headers['cache-status']).toBe('avatar-proxy; fwd=uri-miss; stored');
    expect((await get(path)).headers['cache-status']).toBe('avatar-proxy; hit');
  });

  it.each([
    ['png', 'image/png'],
    ['jpg', 'image/jpeg'],
    ['webp', 'image/webp'],
    ['avif', 'image/avif'],
  ])('comes as .%s where that is asked for', async (extension, type) => {
    const reply = await get(JONGNAM.replace('.png', `.${extension}`));
    expect(reply.statusCode).toBe(200);
    expect(reply.headers['content-type']).toBe(type);
    const picture = await lookAt(reply.rawPayload);
    expect(picture).toMatchObject({ width: 90, height: 90 });
    expect(distanceFromCard(picture.corners)).toBeLessThan(24);
  });

  it('has a different tag in every size and format', async () => {
    const paths = ['90/52330_1.png', '92/52330_1.png', '90/52330_1.webp', '90/52330_1.jpg'];
    const tags = await Promise.all(
      paths.map(
        async (path) => (await get(JONGNAM.replace('90/52330_1.png', path))).headers['etag'],
      ),
    );
    expect(new Set(tags).size).toBe(paths.length);
  });

  it('is found for a user of any script', async () => {
    const reply = await get(`/user_avatar/h/${encodeURIComponent('유니 코드')}/48/1.png`);
    expect(reply.statusCode).toBe(200);
  });

  it('does not care for a query string, nor logs one', async () => {
    const reply = await get(`${JONGNAM}?token=secret`);
    expect(reply.statusCode).toBe(200);
    expect(JSON.stringify(app.lines)).not.toContain('secret');
  });
});

describe('a conditional request', () => {
  it('is answered 304 without a body, with what a cache needs to freshen its copy', async () => {
    const { etag } = (await get(JONGNAM)).headers;
    const reply = await get(JONGNAM, { 'if-none-match': String(etag) });
    expect(reply.statusCode).toBe(304);
    expect(reply.rawPayload.byteLength).toBe(0);
    expect(reply.headers).toMatchObject({ etag, 'cache-control': YEAR });
    expect(reply.headers).not.toHaveProperty('content-length');
  });

  it('is answered 304 by date too', async () => {
    const date = String((await get(JONGNAM)).headers['last-modified']);
    expect((await get(JONGNAM, { 'if-modified-since': date })).statusCode).toBe(304);
    expect(
      (await get(JONGNAM, { 'if-none-match': '"x"', 'if-modified-since': date })).statusCode,
    ).toBe(200);
  });

  it('names no date that is still to come, whatever the clock of the store says', async () => {
    await folder.put('h/early/1', await card(40, 40).png().toBuffer());
    const nextYear = new Date(Date.now() + 365 * 86_400_000);
    await utimes(`${folder.directory}/h/early/1`, nextYear, nextYear);
    const path = '/user_avatar/h/early/40/1.png';
    for (let n = 0; n < 2; n += 1) {
      const { headers } = await get(path);
      expect(Date.parse(String(headers['last-modified']))).toBeLessThanOrEqual(Date.now());
    }
  });

  it('costs no render when the variant is not in memory but the original is unchanged', async () => {
    const { etag } = (await get(JONGNAM)).headers;
    const other = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}` });
    try {
      const headers = { 'if-none-match': String(etag) };
      const reply = await other.server.inject({ url: JONGNAM, headers });
      expect(reply.statusCode).toBe(304);
      expect(reply.headers['etag']).toBe(etag);
      expect(await other.metric('avatar_render_duration_seconds_count')).toBe(0);
      expect(await other.metric('avatar_original_reads_total', { result: 'unchanged' })).toBe(1);
    } finally {
      await other.close();
    }
  });

  it('brings the new picture when the original has changed', async () => {
    await folder.put('h/changing/1', await card(40, 40).png().toBuffer());
    const { etag } = (await get('/user_avatar/h/changing/40/1.png')).headers;
    await folder.put('h/changing/1', await card(40, 40).rotate(180).png().toBuffer());
    const other = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}` });
    try {
      const headers = { 'if-none-match': String(etag) };
      const reply = await other.server.inject({ url: '/user_avatar/h/changing/40/1.png', headers });
      expect(reply.statusCode).toBe(200);
      expect(reply.headers['etag']).not.toBe(etag);
      expect(distanceFromCard((await lookAt(reply.rawPayload)).corners)).toBeGreaterThan(100);
    } finally {
      await other.close();
    }
  });
});

describe('what is no avatar', () => {
  it.each([
    ['no such user', '/user_avatar/h/nobody/48/1.png', 404, 'avatar_missing'],
    ['a malformed path', '/user_avatar/h/u/48', 404, 'path_invalid'],
    ['another extension', '/user_avatar/h/u/48/1.gif', 404, 'path_invalid'],
    ['a size out of range', '/user_avatar/h/u/1001/1.png', 404, 'path_invalid'],
    ['a user called ..', '/user_avatar/h/%2e%2e/48/1.png', 404, 'path_invalid'],
    ['a malformed escape', '/user_avatar/h/%zz/48/1.png', 404, 'path_invalid'],
    ['an escaped prefix', '/user%5Favatar/h/u/48/1.png', 404, 'path_invalid'],
    ['another address', '/favicon.ico', 404, 'not_found'],
    ['HTML as original', '/user_avatar/h/broken/48/1.png', 422, 'original_not_an_image'],
    ['zero bytes as original', '/user_avatar/h/empty/48/1.png', 422, 'original_not_an_image'],
    ['SVG as original', '/user_avatar/h/vector/48/1.png', 422, 'original_unsupported'],
  ])('%s is answered with a problem document', async (_what, path, status, code) => {
    const reply = await get(path);
    expect(reply.statusCode).toBe(status);
    expect(reply.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': TEN_MINUTES,
      'access-control-allow-origin': '*',
    });
    expect(reply.json()).toMatchObject({ status, code });
    expect(reply.body).not.toContain(folder.directory);
  });

  it('is remembered: asking again reads nothing', async () => {
    await get('/user_avatar/h/ghost/48/1.png');
    const reads = await app.metric('avatar_original_reads_total');
    expect((await get('/user_avatar/h/ghost/96/1.png')).statusCode).toBe(404);
    expect((await get('/user_avatar/h/ghost/48/1.webp')).statusCode).toBe(404);
    expect(await app.metric('avatar_original_reads_total')).toBe(reads);
  });

  it('is forgotten after a minute: what was uploaded since is served', async () => {
    expect((await get('/user_avatar/h/late/48/1.png')).statusCode).toBe(404);
    await folder.put('h/late/1', await card(64, 64).png().toBuffer());
    expect((await get('/user_avatar/h/late/48/1.png')).statusCode).toBe(404);
    moveClock(60_000);
    // The cache looks at the clock once a millisecond.
    await expect.poll(async () => (await get('/user_avatar/h/late/48/1.png')).statusCode).toBe(200);
    const reply = await get('/user_avatar/h/late/48/1.png');
    expect(distanceFromCard((await lookAt(reply.rawPayload)).corners)).toBeLessThan(12);
  });
});

describe('other methods', () => {
  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'PROPFIND'] as const)(
    '%s is not allowed, whatever the body',
    async (method) => {
      const headers = { 'content-type': 'application/x-unheard-of' };
      const reply = await app.server.inject({
        method,
        url: JONGNAM,
        headers,
        payload: 'x'.repeat(5000),
      });
      expect(reply.statusCode).toBe(405);
      expect(reply.headers['allow']).toBe('GET, HEAD, OPTIONS');
      expect(reply.headers['content-type']).toBe('application/problem+json');
    },
  );

  it('OPTIONS tells what is allowed, to other origins too', async () => {
    const reply = await app.server.inject({ method: 'OPTIONS', url: JONGNAM });
    expect(reply.statusCode).toBe(204);
    expect(reply.headers).toMatchObject({
      allow: 'GET, HEAD, OPTIONS',
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD, OPTIONS',
    });
  });
});

describe('rules of the operator', () => {
  async function reply(variables: Record<string, string>, url: string) {
    const other = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}`, ...variables });
    try {
      return await other.server.inject(url);
    } finally {
      await other.close();
    }
  }

  it('redirect an unlisted size to the nearest listed one', async () => {
    const { statusCode, headers } = await reply(
      { AVATAR_SIZES: '24 48 96' },
      JONGNAM.replace('/90/', '/36/'),
    );
    expect(statusCode).toBe(302);
    expect(headers).toMatchObject({
      location: JONGNAM.replace('/90/', '/24/'),
      'cache-control': 'public, max-age=3600',
    });
  });

  it('redirect to the CDN, base path and encoded name included', async () => {
    const { headers } = await reply(
      {
        AVATAR_SIZES: '48',
        AVATAR_BASE_PATH: '/forum',
        AVATAR_CDN_URL: 'https://cdn.example.org/',
      },
      `/forum/user_avatar/h/${encodeURIComponent('유니 코드')}/50/1.png`,
    );
    expect(headers['location']).toBe(
      `https://cdn.example.org/forum/user_avatar/h/${encodeURIComponent('유니 코드')}/48/1.png`,
    );
  });

  it('refuse unlisted sizes where that is configured', async () => {
    const { statusCode } = await reply(
      { AVATAR_SIZES: '48', AVATAR_UNLISTED_SIZE: 'reject' },
      JONGNAM,
    );
    expect(statusCode).toBe(404);
  });

  it('refuse other sites', async () => {
    const { statusCode, body } = await reply({ AVATAR_HOSTS: 'h example.org' }, JONGNAM);
    expect(statusCode).toBe(404);
    expect(body).toContain('host_not_served');
  });

  it('serve below a base path only', async () => {
    const variables = { AVATAR_BASE_PATH: '/forum' };
    expect((await reply(variables, `/forum${JONGNAM}`)).statusCode).toBe(200);
    expect((await reply(variables, JONGNAM)).statusCode).toBe(404);
  });

  it('keep the format of the original at a .png address', async () => {
    const { headers } = await reply({ AVATAR_FORMAT: 'original' }, JONGNAM);
    expect(headers['content-type']).toBe('image/jpeg');
    expect(headers['etag']).toMatch(/^"jpg/);
  });

  it('try the alternatives of the locator in order', async () => {
    const variables = {
      AVATAR_LOCATOR: 'template:{host}/{user}/x{id}|{host}/{user}/{upload}_{version}',
    };
    expect((await reply(variables, JONGNAM)).statusCode).toBe(200);
  });
});

describe('the log', () => {
  it('has one line a request, with outcome, size, stage times and the id the front gave', async () => {
    await get(JONGNAM.replace('/90/', '/33/'), { 'x-request-id': 'front-1' });
    const lines = app.lines.filter((line) => line['id'] === 'front-1');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      method: 'GET',
      status: 200,
      outcome: 'rendered',
      stages: { read: expect.any(Number), render: expect.any(Number) },
    });
    expect(lines[0]?.['bytes']).toBeGreaterThan(100);
  });

  it('takes no id that could forge a line', async () => {
    await get(JONGNAM, { 'x-request-id': 'a b"c' });
    expect(app.lines.at(-1)?.['id']).toMatch(/^[\w-]+$/);
  });
});
