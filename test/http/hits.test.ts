/** The short way of hits, which only a real socket takes: compared with the long way, byte for byte. */
import { once } from 'node:events';
import {
  createServer,
  get as httpGet,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { PictureHeaders, PLAIN_STYLE } from '../../src/http/headers.ts';
import { HitPath } from '../../src/http/hits.ts';
import { Negotiation } from '../../src/http/negotiation.ts';
import { createMemoryVariants } from '../../src/variants/memory.ts';
import { createFolder, startApp, type TestApp } from '../support/app.ts';
import { card } from '../support/cards.ts';

const PATH = '/user_avatar/h/u/48/1.png';

let folder: Awaited<ReturnType<typeof createFolder>>;
let app: TestApp;
let base: string;

beforeAll(async () => {
  const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
  const background = { width: 400, height: 400, channels: 3, background: '#000', noise } as const;
  folder = await createFolder({
    'h/u/1': await card(90, 90).png().toBuffer(),
    'h/noise/1': await sharp({ create: background }).jpeg().toBuffer(),
  });
  app = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}`, AVATAR_MEMORY_MB: '1' });
  base = await app.listen();
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

type Reply = { status: number | undefined; headers: IncomingHttpHeaders; body: Buffer };

async function ask(path: string, headers = {}, method = 'GET', from = base): Promise<Reply> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpGet(`${from}${path}`, { headers, method }, resolve).once('error', reject);
  });
  return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
}

/** By the router: injected requests do not pass the listener. */
async function askLongWay(method: 'GET' | 'HEAD', headers = {}): Promise<Reply> {
  const reply = await app.server.inject({ method, url: PATH, headers });
  const strings = Object.entries(reply.headers).map(([name, value]) => [name, String(value)]);
  return { status: reply.statusCode, headers: Object.fromEntries(strings), body: reply.rawPayload };
}

function comparable({ status, headers, body }: Reply) {
  const { date: _date, connection: _connection, 'keep-alive': _keepAlive, ...rest } = headers;
  return { status, headers: rest, body: body.toString('base64') };
}

describe('a hit by the short way', () => {
  it.each(['GET', 'HEAD'] as const)('to %s is what the long way gives', async (method) => {
    await ask(PATH);
    const short = await ask(PATH, {}, method);
    expect(short.headers['cache-status']).toBe('avatar-proxy; hit');
    expect(comparable(short)).toEqual(comparable(await askLongWay(method)));
  });

  it('is a 304 where the long way gives one', async () => {
    const { etag, 'last-modified': date } = (await ask(PATH)).headers;
    for (const headers of [
      { 'if-none-match': String(etag) },
      { 'if-none-match': '*' },
      { 'if-modified-since': String(date) },
      { 'if-none-match': '"other"', 'if-modified-since': String(date) },
    ]) {
      const [short, long] = [await ask(PATH, headers), await askLongWay('GET', headers)];
      expect(comparable(short)).toEqual(comparable(long));
    }
  });

  it('is logged and counted as by the long way', async () => {
    await ask(PATH);
    const before = await app.metric('avatar_requests_total', { outcome: 'memory' });
    await ask(PATH, { 'x-request-id': 'short' });
    await expect.poll(() => app.lines.some(({ id }) => id === 'short')).toBe(true);
    const line = app.lines.find(({ id }) => id === 'short');
    await app.server.inject({ url: PATH, headers: { 'x-request-id': 'long' } });
    const other = app.lines.find(({ id }) => id === 'long');
    expect(Object.keys(line ?? {}).toSorted()).toEqual(Object.keys(other ?? {}).toSorted());
    expect({ ...line, id: '', ms: 0, time: 0 }).toEqual({ ...other, id: '', ms: 0, time: 0 });
    expect(await app.metric('avatar_requests_total', { outcome: 'memory' })).toBe(before + 2);
  });

  it('is not taken with a query, which no line of the log has', async () => {
    const id = 'with-a-query';
    for (let n = 0; n < 3; n += 1) await ask(`${PATH}?token=hunter2`, { 'x-request-id': id });
    const linesOf = () => app.lines.filter((line) => line['id'] === id);
    await expect.poll(() => linesOf().length).toBe(3);
    expect(linesOf().map(({ path }) => path)).toEqual([PATH, PATH, PATH]);
    expect(JSON.stringify(app.lines)).not.toContain('hunter2');
  });

  it('ends when the picture has left the memory, which it does not hold on to', async () => {
    await ask(PATH);
    expect((await ask(PATH)).headers['cache-status']).toBe('avatar-proxy; hit');
    // A megabyte does not hold two of these.
    for (const size of [500, 510]) await ask(`/user_avatar/h/noise/${size}/1.png`);
    const reply = await ask(PATH);
    expect(reply.status).toBe(200);
    expect(reply.headers['cache-status']).toBe('avatar-proxy; fwd=uri-miss; stored');
  });

  it('is not taken by what is no plain read', async () => {
    await ask(PATH);
    expect((await ask(PATH, {}, 'OPTIONS')).status).toBe(204);
    expect((await ask(PATH, {}, 'DELETE')).status).toBe(405);
    expect((await ask(`${PATH}?x=1`)).status).toBe(200);
  });
});

describe('the memory of addresses', () => {
  /** The short way alone: what it does not know is 404. */
  async function startShortWay() {
    const variants = createMemoryVariants(1e6);
    const bytes = await card(9, 9).png().toBuffer();
    variants.set('key', { bytes, format: 'png', etag: 'a', lastModified: new Date(0) });
    const recorder = { prepare: () => () => undefined };
    const headers = new PictureHeaders(PLAIN_STYLE);
    const hits = new HitPath(variants, headers, recorder, new Negotiation([]));
    const server = createServer((request, response) => {
      if (!hits.answer(request, response)) response.writeHead(404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    return {
      remember: (target: string) => hits.remember(target, { key: 'key', picture: 'avatar' }),
      status: async (target: string) =>
        (await ask(target, {}, 'GET', `http://127.0.0.1:${port}`)).status,
    };
  }

  const spelled = (number: number, length: number): string =>
    `/user_avatar/h/bob/48/10${String(number).padStart(length - 28, 'x')}.png`;

  it('is of thousands of the usual length', async () => {
    const { remember, status } = await startShortWay();
    for (let number = 0; number < 15_000; number += 1) remember(spelled(number, 70));
    expect(await status(spelled(0, 70))).toBe(200);
    expect(await status(spelled(14_999, 70))).toBe(200);
  });

  // One picture can be spelled in more ways than there is memory.
  it('is bounded by their length, and of none that nobody needs', async () => {
    const { remember, status } = await startShortWay();
    for (let number = 0; number < 15_000; number += 1) remember(spelled(number, 300));
    expect(await status(spelled(0, 300))).toBe(404);
    expect(await status(spelled(14_999, 300))).toBe(200);
    remember(spelled(0, 301));
    expect(await status(spelled(0, 301))).toBe(404);
  });
});
