/** What each client gets over a real connection, by the long way and by the short one. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { identify } from '../../src/inspect/magic.ts';
import { createFolder, startApp, type TestApp } from '../support/app.ts';
import { card, distanceFromCard, lookAt } from '../support/cards.ts';
import { ask, type RawReply } from '../support/nginx.ts';
import { type Client, MADE_UP, MALFORMED, REAL, WEIGHED } from './accept-matrix.ts';

const PATH = '/user_avatar/h/u/48/1.png';
const CHROME = 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8';
const OLD_CHROME = 'image/webp,image/apng,image/*,*/*;q=0.8';

/** One header of each class. */
const CLASSES: readonly Client[] = [
  { who: 'takes AVIF', accept: CHROME, gets: 'avif' },
  { who: 'takes WebP', accept: OLD_CHROME, gets: 'webp' },
  { who: 'takes anything', accept: '*/*', gets: 'png' },
  { who: 'says nothing', accept: undefined, gets: 'png' },
];

let folder: Awaited<ReturnType<typeof createFolder>>;
let app: TestApp;
let port: number;

beforeAll(async () => {
  folder = await createFolder({
    'h/u/1': await card(90, 90).jpeg().toBuffer(),
    'h/modern/1': await card(90, 90).webp().toBuffer(),
    'h/broken/1': Buffer.from('<html>not found</html>'),
  });
  app = await start({ AVATAR_NEGOTIATE: 'avif,webp' });
  port = await portOf(app);
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

async function start(variables: Record<string, string>): Promise<TestApp> {
  return await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}`, ...variables });
}

/** Closed after the test. */
async function startOther(variables: Record<string, string>): Promise<TestApp> {
  const other = await start(variables);
  onTestFinished(() => other.close());
  return other;
}

async function portOf(listening: TestApp): Promise<number> {
  return Number(new URL(await listening.listen()).port);
}

function headersOf(accept: string | undefined, more: Record<string, string> = {}) {
  return { ...(accept !== undefined && { accept }), ...more };
}

async function get(
  path: string,
  accept?: string,
  more: Record<string, string> = {},
  method = 'GET',
): Promise<RawReply> {
  return await ask(port, path, { method, headers: headersOf(accept, more) });
}

/** By the router: what is injected does not pass the listener. */
async function getLongWay(
  path: string,
  accept?: string,
  more: Record<string, string> = {},
  method: 'GET' | 'HEAD' = 'GET',
): Promise<RawReply> {
  const headers = headersOf(accept, more);
  const reply = await app.server.inject({ method, url: path, headers });
  const strings = Object.entries(reply.headers).map(([name, value]) => [name, String(value)]);
  return { status: reply.statusCode, headers: Object.fromEntries(strings), body: reply.rawPayload };
}

function comparable({ status, headers, body }: RawReply) {
  const { date: _date, connection: _connection, 'keep-alive': _keepAlive, ...rest } = headers;
  return { status, headers: rest, body: body.toString('base64') };
}

function formatOf(body: Buffer): string {
  const identity = identify(body);
  return identity.kind === 'served' ? identity.format : identity.kind;
}

describe('at a .png address', () => {
  it.each([...REAL, ...MADE_UP, ...MALFORMED, ...WEIGHED])('$who gets $gets', async (client) => {
    const { status, headers, body } = await get(PATH, client.accept);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': `image/${client.gets}`, vary: 'Accept' });
    expect(formatOf(body)).toBe(client.gets);
    expect(headers.etag).toMatch(new RegExp(`^"${client.gets}\\d`));
  });

  it('the picture is the same in every format, and rendered once for each', async () => {
    for (const { accept } of CLASSES) {
      const { corners, width } = await lookAt((await get(PATH, accept)).body);
      expect(width).toBe(48);
      expect(distanceFromCard(corners)).toBeLessThan(24);
    }
    const rendered = await app.metric('avatar_requests_total', { outcome: 'rendered' });
    expect(rendered).toBe(3);
  });

  it.each(CLASSES)('who $who gets the same by the short way of hits', async ({ accept, gets }) => {
    await get(PATH, accept);
    for (const method of ['GET', 'HEAD'] as const) {
      const short = await get(PATH, accept, {}, method);
      expect(short.headers['cache-status']).toBe('avatar-proxy; hit');
      expect(short.headers['content-type']).toBe(`image/${gets}`);
      expect(comparable(short)).toEqual(comparable(await getLongWay(PATH, accept, {}, method)));
    }
    const { etag } = (await get(PATH, accept)).headers;
    const held = { 'if-none-match': String(etag) };
    const short = await get(PATH, accept, held);
    expect(short).toMatchObject({ status: 304, headers: { etag, vary: 'Accept' } });
    expect(comparable(short)).toEqual(comparable(await getLongWay(PATH, accept, held)));
  });

  it('nobody is told that a copy in another format still holds', async () => {
    const tags = await Promise.all(
      CLASSES.map(async ({ accept }) => String((await get(PATH, accept)).headers.etag)),
    );
    expect(new Set(tags).size).toBe(3);
    const cold = await startOther({ AVATAR_NEGOTIATE: 'avif,webp' });
    for (const [index, { accept, gets }] of CLASSES.entries()) {
      const own = tags[index] ?? '';
      const others = { 'if-none-match': tags.filter((tag) => tag !== own).join(', ') };
      const all = { 'if-none-match': tags.join(', ') };
      const headers = headersOf(accept, others);
      // Before it is rendered, by the short way, and by the long one.
      const first = await cold.server.inject({ url: PATH, headers });
      expect(first.statusCode).toBe(200);
      expect(formatOf(first.rawPayload)).toBe(gets);
      for (const way of [get, getLongWay]) {
        expect((await way(PATH, accept, others)).status).toBe(200);
        expect(await way(PATH, accept, all)).toMatchObject({ status: 304, headers: { etag: own } });
      }
    }
  });

  it('a copy that still holds costs no render, and its 304 varies too', async () => {
    const { etag } = (await get(PATH, CHROME)).headers;
    const cold = await startOther({ AVATAR_NEGOTIATE: 'avif,webp' });
    const headers = headersOf(CHROME, { 'if-none-match': String(etag) });
    const reply = await cold.server.inject({ url: PATH, headers });
    expect(reply.statusCode).toBe(304);
    expect(reply.headers).toMatchObject({ etag, vary: 'Accept' });
    expect(await cold.metric('avatar_render_duration_seconds_count')).toBe(0);
  });

  it.each([
    ['no such avatar', '/user_avatar/h/nobody/48/1.png', 404],
    ['an original that is no image', '/user_avatar/h/broken/48/1.png', 422],
  ])(
    '%s is answered with Vary, since it might have been a picture',
    async (_what, path, status) => {
      for (const method of ['GET', 'HEAD']) {
        expect(await get(path, CHROME, {}, method)).toMatchObject({
          status,
          headers: { vary: 'Accept', 'content-type': 'application/problem+json' },
        });
      }
    },
  );

  it('a failure of the store is answered with Vary', async () => {
    const other = await startOther({
      AVATAR_NEGOTIATE: 'webp',
      AVATAR_ORIGINALS: 's3://bucket?endpoint=http://127.0.0.1:1&region=x',
    });
    const reply = await other.server.inject({ url: PATH, headers: { accept: CHROME } });
    expect(reply.statusCode).toBeGreaterThanOrEqual(500);
    expect(reply.headers['vary']).toBe('Accept');
  });

  it('a stand-in is a PNG for all, with Vary', async () => {
    const other = await startOther({ AVATAR_NEGOTIATE: 'avif,webp', AVATAR_MISSING: 'letter' });
    const url = '/user_avatar/h/nobody/48/1.png';
    const reply = await other.server.inject({ url, headers: { accept: CHROME } });
    expect(reply.statusCode).toBe(200);
    expect(reply.headers).toMatchObject({ 'content-type': 'image/png', vary: 'Accept' });
  });

  it('a range is not served, and so never refused', async () => {
    for (const range of ['bytes=0-9', 'bytes=999999-']) {
      expect(await get(PATH, CHROME, { range })).toMatchObject({
        status: 200,
        headers: { vary: 'Accept', 'content-type': 'image/avif' },
      });
    }
  });
});

describe('without a Vary', () => {
  it.each(['avif', 'webp', 'jpg'])('is an address that ends in .%s', async (extension) => {
    const path = PATH.replace('.png', `.${extension}`);
    // Its picture is in memory from the negotiated address as well, and the other way round.
    for (const accept of [CHROME, OLD_CHROME, '*/*']) {
      const negotiated = await get(PATH, accept);
      const explicit = await get(path, accept);
      expect(negotiated.headers.vary).toBe('Accept');
      expect(explicit).toMatchObject({
        status: 200,
        headers: { 'content-type': extension === 'jpg' ? 'image/jpeg' : `image/${extension}` },
      });
      const held = { 'if-none-match': String(explicit.headers.etag) };
      const replies = [explicit, await get(path, accept, held), await getLongWay(path, accept)];
      for (const { headers } of replies) expect(headers).not.toHaveProperty('vary');
    }
  });

  it.each([
    ['no avatar’s address', '/user_avatar/h/u/48/1.gif', 'GET', 404],
    ['another address', '/favicon.png', 'GET', 404],
    ['another method', PATH, 'DELETE', 405],
    ['a question about methods', PATH, 'OPTIONS', 204],
  ])('is %s', async (_what, path, method, status) => {
    const reply = await get(path, CHROME, {}, method);
    expect(reply.status).toBe(status);
    expect(reply.headers).not.toHaveProperty('vary');
  });

  it('is a redirect, which is the same for all', async () => {
    const other = await startOther({ AVATAR_NEGOTIATE: 'avif,webp', AVATAR_SIZES: '24' });
    const { statusCode, headers } = await other.server.inject({ url: PATH });
    expect(statusCode).toBe(302);
    expect(headers['location']).toBe(PATH.replace('/48/', '/24/'));
    expect(headers).not.toHaveProperty('vary');
  });

  it('is every reply where nothing is negotiated', async () => {
    const other = await startOther({});
    for (const url of [PATH, '/user_avatar/h/nobody/48/1.png']) {
      const { headers } = await other.server.inject({ url, headers: { accept: CHROME } });
      expect(headers).not.toHaveProperty('vary');
      expect(headers['content-type']).not.toBe('image/avif');
    }
  });
});

describe('the operator', () => {
  it('can offer WebP alone', async () => {
    const other = await startOther({ AVATAR_NEGOTIATE: 'webp' });
    const { headers } = await other.server.inject({ url: PATH, headers: { accept: CHROME } });
    expect(headers).toMatchObject({ 'content-type': 'image/webp', vary: 'Accept' });
  });

  it('can have the rest keep the format of the original', async () => {
    const other = await startOther({ AVATAR_NEGOTIATE: 'webp', AVATAR_FORMAT: 'original' });
    const types = await Promise.all(
      [CHROME, '*/*'].map(async (accept) => {
        const { headers } = await other.server.inject({ url: PATH, headers: { accept } });
        expect(headers['vary']).toBe('Accept');
        return headers['content-type'];
      }),
    );
    expect(types).toEqual(['image/webp', 'image/jpeg']);
  });

  it('does not have what was given before confirmed to who would now get another format', async () => {
    const before = await startOther({});
    const { etag } = (await before.server.inject({ url: PATH })).headers;
    const headers = { 'if-none-match': String(etag) };
    const variables = { AVATAR_FORMAT: 'original' };
    const [warm, cold] = [await startOther(variables), await startOther(variables)];
    await warm.server.inject({ url: PATH });
    for (const now of [warm, cold]) {
      const reply = await now.server.inject({ url: PATH, headers });
      expect(reply.statusCode).toBe(200);
      expect(formatOf(reply.rawPayload)).toBe('jpeg');
    }
    const held = {
      'if-none-match': String((await warm.server.inject({ url: PATH })).headers['etag']),
    };
    const third = await startOther(variables);
    expect((await third.server.inject({ url: PATH, headers: held })).statusCode).toBe(304);
    expect(await third.metric('avatar_render_duration_seconds_count')).toBe(0);
  });

  it('does not have a WebP of others confirmed to who gets the format of the original', async () => {
    const variables = { AVATAR_NEGOTIATE: 'webp', AVATAR_FORMAT: 'original' };
    const [warm, cold] = [await startOther(variables), await startOther(variables)];
    const reply = async (on: TestApp, user: string, headers: Record<string, string>) =>
      await on.server.inject({ url: PATH.replace('/u/', `/${user}/`), headers });
    const { etag } = (await reply(warm, 'u', { accept: CHROME })).headers;
    const held = { accept: '*/*', 'if-none-match': String(etag) };
    const other = await reply(cold, 'u', held);
    expect(other.statusCode).toBe(200);
    expect(formatOf(other.rawPayload)).toBe('jpeg');

    // Of an original that is one, it is the right copy.
    const own = String((await reply(warm, 'modern', { accept: '*/*' })).headers['etag']);
    expect(own).toMatch(/^"webp/);
    const same = await reply(cold, 'modern', { accept: '*/*', 'if-none-match': own });
    expect(same.statusCode).toBe(304);
  });
});
