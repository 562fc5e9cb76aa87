/** Whatever clients send, over a real socket: nothing but documented replies, nothing from outside. */
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, startApp, type TestApp } from './support/app.ts';
import { card, distanceFromCard, lookAt } from './support/cards.ts';

/** Beside the folder of originals: one step up would reach it. */
const OUTSIDE = 'outside';

let folder: Awaited<ReturnType<typeof createFolder>>;
let app: TestApp;
let port: number;

beforeAll(async () => {
  const inside = await card(16, 16).png().toBuffer();
  const outside = await sharp({
    create: { width: 16, height: 16, channels: 3, background: '#888' },
  })
    .png()
    .toBuffer();
  // Wherever names with steps upwards in them could lead, also within the folder.
  const keys = [OUTSIDE, '1', 'u/1', 'h/1', `${OUTSIDE}s/1`, 'originals/1', 'originals/u/1'];
  folder = await createFolder({
    'top/originals/h/u/1': inside,
    ...Object.fromEntries(keys.map((key) => [`top/${key}`, outside])),
  });
  app = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}/top/originals` });
  port = Number(new URL(await app.listen()).port);
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

/** Byte for byte, as no HTTP client would let us. */
async function send(target: Buffer): Promise<{ status: number; text: string; body: Buffer }> {
  const socket = connect(port, '127.0.0.1');
  socket.write(
    Buffer.concat([
      Buffer.from('GET '),
      target,
      Buffer.from(' HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'),
    ]),
  );
  const reply = await buffer(socket);
  const text = reply.toString('latin1');
  const body = reply.subarray(reply.indexOf('\r\n\r\n') + 4);
  return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]), text, body };
}

const climb = fc.constantFrom(
  '..',
  '.',
  '%2e%2e',
  '%2E.',
  '..%2f',
  '%252e%252e%252f',
  '..%5c',
  '%c0%ae%c0%ae',
  '%00',
  '\\..',
  '....//',
  OUTSIDE,
  `${OUTSIDE}s`,
  '%ff',
  '%',
  '%u002e',
);
const word = fc.oneof(
  climb,
  fc.string({ unit: 'grapheme', maxLength: 12 }).map(encodeURIComponent),
  fc.constantFrom('h', 'u', '48', '1.png', '', 'x'.repeat(3000)),
);
const name = fc.oneof(fc.constantFrom('h', 'u'), word);
/** Mostly as they should be: what is wrong with these goes no further than the grammar. */
const size = fc.oneof(
  { weight: 9, arbitrary: fc.constant('48') },
  { weight: 1, arbitrary: fc.oneof(fc.integer(), fc.bigInt(), fc.double()).map(String) },
  { weight: 1, arbitrary: word },
);
const id = fc.oneof(fc.constant('1'), fc.nat(99).map(String), word);
const extension = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('.png', '.webp') },
  { weight: 1, arbitrary: fc.constantFrom('.svg', '', '.png/..', '.png%00.jpg') },
);
const file = fc.tuple(id, extension).map((parts) => parts.join(''));
const address = (host: string, user: string, id: string): string =>
  `/user_avatar/${host}/${user}/48/${id}.png`;
/** Of one place to climb from, where all else is as it should be: nothing else keeps it from succeeding. */
const climbs = fc
  .array(climb, { minLength: 1, maxLength: 3 })
  .chain((steps) => fc.constantFrom('/', '%2f', '%2F', '%5c', '').map((by) => steps.join(by)));
const paths = fc.oneof(
  {
    weight: 4,
    arbitrary: climbs.chain((names) =>
      fc.constantFrom(address(names, 'u', '1'), address('h', names, '1'), address('h', 'u', names)),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(name, name, size, file).map((parts) => `/user_avatar/${parts.join('/')}`),
  },
  fc.array(word, { maxLength: 12 }).map((parts) => `/user_avatar/${parts.join('/')}`),
  fc.array(word, { maxLength: 12 }).map((parts) => `/${parts.join('/')}?${parts.join('&')}`),
);
const noise = fc
  .uint8Array({ maxLength: 200 })
  .map((bytes) =>
    Buffer.concat([Buffer.from('/user_avatar/h/'), Buffer.from(bytes).filter((byte) => byte > 32)]),
  );

describe('400 addresses nobody should send', () => {
  it('never give a 5xx, and never anything from outside', async () => {
    const targets = [
      ...fc.sample(paths, { numRuns: 340, seed: 42 }).map((path) => Buffer.from(path, 'latin1')),
      ...fc.sample(noise, { numRuns: 60, seed: 42 }).map((bytes) => Buffer.from(bytes)),
    ];
    expect(targets).toHaveLength(400);
    const statuses = new Map<number, number>();
    for (const target of targets) {
      const { status, text, body } = await send(target);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      expect([200, 400, 404, 431], target.toString('latin1')).toContain(status);
      expect(text).not.toContain(folder.directory);
      if (status !== 200) continue;
      const { corners } = await lookAt(body);
      expect(distanceFromCard(corners), target.toString('latin1')).toBeLessThan(15);
    }
    // Past the HTTP parser, and past the grammar as well.
    expect(statuses.get(404)).toBeGreaterThan(200);
    const looked = app.lines.filter(({ outcome }) => outcome === 'avatar_missing');
    expect(looked.length).toBeGreaterThan(20);
    expect((await send(Buffer.from('/user_avatar/h/u/48/1.png'))).status).toBe(200);
  });
});

const HEADERS = (
  'If-None-Match If-Modified-Since If-Range Range Accept Accept-Encoding X-Forwarded-For X-Request-Id ' +
  'Connection Upgrade Expect Cookie Content-Length Transfer-Encoding Host Authorization'
).split(' ');
const value = fc.oneof(
  fc.constantFrom(
    '',
    '*',
    ',',
    ';',
    '=',
    '"',
    'W/"',
    '"a", "b"',
    '"png1-48-x"',
    'image/webp;q=',
    'q=1',
    '0',
  ),
  fc.constantFrom(
    'image/avif,*/*;q=0.1',
    'Tue, 24 Nov 2099 00:00:00 GMT',
    'bytes=0-',
    'bytes=9-1,',
  ),
  fc.constantFrom(
    '1.2.3.4',
    '::1',
    '1.2.3.4, unknown',
    '999.1.1.1:80',
    '100-continue',
    'websocket',
  ),
  fc.constantFrom(
    'close',
    'upgrade',
    'keep-alive, te',
    'chunked',
    'gzip',
    '-1',
    '1e9',
    'x'.repeat(3000),
  ),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);
const header = fc
  .tuple(
    fc.constantFrom(...HEADERS),
    fc.array(value, { minLength: 1, maxLength: 3 }).map((values) => values.join(', ')),
  )
  .map(([name, text]) => `${name}: ${text.replace(/[\r\n]/g, '')}\r\n`);

describe('300 requests with headers nobody should send', () => {
  it('are answered as documented, or refused as no HTTP', async () => {
    const samples = fc.sample(fc.array(header, { maxLength: 4 }), { numRuns: 300, seed: 42 });
    // In memory from now on: who ends half of the connection waits for no render.
    await send(Buffer.from('/user_avatar/h/u/48/1.png'));
    const statuses = new Map<number, number>();
    for (const headers of samples) {
      const socket = connect(port, '127.0.0.1');
      const request = `GET /user_avatar/h/u/48/1.png HTTP/1.1\r\nHost: h\r\n${headers.join('')}Connection: close\r\n\r\n`;
      // What is behind an open body is never sent: half a connection ends it.
      socket.end(Buffer.from(request, 'latin1'));
      const replies = (await buffer(socket)).toString('latin1');
      const text = replies.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      expect([200, 304, 400, 417, 431], request).toContain(status);
      expect(text).not.toContain(folder.directory);
    }
    expect(statuses.get(200)).toBeGreaterThan(100);
    expect((await send(Buffer.from('/user_avatar/h/u/48/1.png'))).status).toBe(200);
  });
});

describe('a request that breaks the limits of HTTP', () => {
  it.each([
    ['headers of 20 kB', `GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['no HTTP at all', 'HELO mail\r\n\r\n', 400],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      400,
    ],
  ])('%s is refused', async (_what, request, status) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(request);
    const reply = (await buffer(socket)).toString('latin1');
    expect(reply).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(reply).not.toMatch(/node|fastify/i);
  });
});
