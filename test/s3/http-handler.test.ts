/** What a client of S3 does about servers that hang, and about replies without an end. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { OriginalStore } from '../../src/originals/store.ts';
import { createS3Listing } from '../../src/s3/listing.ts';
import { useS3 } from '../originals/s3.fixture.ts';
import { never, readOriginal } from '../originals/store-suite.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const fixture = useS3();
const CONNECTIONS = 6;
const MEGABYTE = 1024 * 1024;

beforeAll(async () => {
  const { s3, bucket } = fixture();
  await s3.put(bucket, 'whole', Buffer.from('whole'));
});

describe('a server behind a balancer that hangs', () => {
  it('is met by one read that fails, whatever connections to it are idle', async () => {
    const { endpoint, hung, sound, moveOn } = await startBalancer();
    const store = fixture().open({
      endpoint,
      maxSockets: CONNECTIONS,
      timeouts: { connectMs: 5000, firstByteMs: 1000, stallMs: 1000 },
    });
    await readAtOnce(store);
    expect(hung.connections()).toBe(CONNECTIONS);
    moveOn();

    const reading = store.read('whole', { signal: never });

    await expect(reading).rejects.toMatchObject({ code: 'originals_timeout' });
    await readAtOnce(store);
    expect(sound.connections()).toBe(CONNECTIONS);
  });

  it('is met by none where a read may be tried twice', async () => {
    const { endpoint, moveOn } = await startBalancer();
    const store = fixture().open({
      endpoint,
      maxSockets: CONNECTIONS,
      timeouts: { connectMs: 5000, firstByteMs: 1000, stallMs: 1000 },
      maxAttempts: 2,
    });
    await readAtOnce(store);
    moveOn();

    expect((await readOriginal(store, 'whole')).bytes.toString()).toBe('whole');
  });

  it('is left as well by whoever has had enough of waiting', async () => {
    const { endpoint, sound, moveOn } = await startBalancer();
    const store = fixture().open({
      endpoint,
      maxSockets: CONNECTIONS,
      timeouts: { connectMs: 5000, firstByteMs: 2000, stallMs: 1000 },
    });
    await readAtOnce(store);
    moveOn();

    const reading = store.read('whole', { signal: AbortSignal.timeout(1000) });

    await expect(reading).rejects.toMatchObject({ name: 'TimeoutError' });
    await readAtOnce(store);
    expect(sound.connections()).toBe(CONNECTIONS);
  });
});

it('a client that leaves at once costs no connection but its own', async () => {
  const { s3, open } = fixture();
  const { endpoint, hung: server } = await startBalancer();
  const store = open({
    endpoint,
    maxSockets: CONNECTIONS,
    timeouts: { connectMs: 5000, firstByteMs: 600_000, stallMs: 1000 },
  });
  await readAtOnce(store);
  const asked = s3.requests();
  s3.proxy.inject({ kind: 'silence' });
  const client = new AbortController();
  const reading = store.read('whole', { signal: client.signal }).catch((reason: unknown) => reason);
  await expect.poll(() => s3.requests()).toBe(asked + 1);
  s3.proxy.heal();

  client.abort('left');

  expect(await reading).toBe('left');
  await expect.poll(() => server.connections()).toBe(CONNECTIONS - 1);
  // Those are still of use.
  expect((await readOriginal(store, 'whole')).bytes.toString()).toBe('whole');
  expect(server.connections()).toBe(CONNECTIONS - 1);
});

describe('a reply without an end', () => {
  it.each([
    [503, 'originals_throttled', /asks for less \[status 503, ReplyTooLarge\]/],
    [500, 'originals_unavailable', /the server failed \[status 500, ReplyTooLarge\]/],
    [403, 'originals_access_denied', /refuses.*more than 65536 bytes/],
    [404, 'originals_bad_reply', /does not give \(its body has more than 65536 bytes\).*endpoint=/],
  ])('of status %i is the error of that status, and says why', async (status, code, detail) => {
    const { endpoint, sent } = await startEndless(status);
    const store = fixture().open({ endpoint });
    const expected = { code, detail: expect.stringMatching(detail) };

    await expect(store.read('whole', { signal: never })).rejects.toMatchObject(expected);
    await expect(store.probe(never)).rejects.toMatchObject(expected);
    // What the system had room for on its way.
    expect(sent()).toBeLessThan(64 * MEGABYTE);
  });

  it('is no list of keys', async () => {
    const { s3, bucket, open } = fixture();
    const { endpoint, sent } = await startEndless(200);
    const listing = createS3Listing({
      bucket,
      variable: 'AVATAR_ORIGINALS',
      prefix: '',
      region: 'us-east-1',
      endpoint,
      credentials: s3,
      maxSockets: 1,
      timeouts: { connectMs: 5000, firstByteMs: 10_000, stallMs: 10_000 },
      maxAttempts: 1,
    });
    onTestFinished(() => listing.close());
    const expected = {
      code: 'originals_bad_reply',
      detail: expect.stringMatching(/more than 8388608 bytes.*endpoint=/),
    };

    const keys = Readable.from(listing.list('', undefined, never)).toArray();
    await expect(keys).rejects.toMatchObject(expected);
    await expect(open({ endpoint }).probe(never)).rejects.toMatchObject(expected);
    expect(sent()).toBeLessThan(64 * MEGABYTE);
  });

  it('is not what a large object is taken for', async () => {
    const { s3, bucket, open } = fixture();
    const large = Buffer.alloc(9 * MEGABYTE, 'abc');
    await s3.put(bucket, 'large', large);

    const { bytes } = await readOriginal(open({ maxBytes: large.length }), 'large');

    expect(bytes.equals(large)).toBe(true);
  });
});

/** Over as many connections as the store may have: with replies that are late, none serves two reads. */
async function readAtOnce(store: OriginalStore): Promise<void> {
  const { s3 } = fixture();
  s3.proxy.inject({ kind: 'late', delayMs: 200 });
  await Promise.all(Array.from({ length: CONNECTIONS }, () => readOriginal(store, 'whole')));
  s3.proxy.heal();
}

type Balancer = {
  readonly endpoint: string;
  readonly hung: TcpProxy;
  readonly sound: TcpProxy;
  /** The one server hangs, and new connections are led to the other one. */
  readonly moveOn: () => void;
};

async function startBalancer(): Promise<Balancer> {
  const port = Number(new URL(fixture().s3.endpoint).port);
  const [hung, sound] = await Promise.all([startTcpProxy(port), startTcpProxy(port)]);
  let target = hung;
  const sockets = new Set<Socket>();
  const balancer = createServer((client) => {
    const server = connect(target.port, '127.0.0.1');
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  const endpoint = await listen(balancer);
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    balancer.close();
    await Promise.all([hung.stop(), sound.stop()]);
  });
  return {
    endpoint,
    hung,
    sound,
    moveOn() {
      hung.inject({ kind: 'hang' });
      target = sound;
    },
  };
}

/** A server that has 256 MB to say. */
async function startEndless(
  status: number,
): Promise<{ readonly endpoint: string; readonly sent: () => number }> {
  const piece = Buffer.alloc(MEGABYTE, ' ');
  let sent = 0;
  function* pieces(): Generator<Buffer> {
    for (let said = 0; said < 256; said += 1) {
      sent += piece.length;
      yield piece;
    }
  }
  const server = createHttpServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    // That the client leaves is what is expected of it.
    pipeline(Readable.from(pieces()), response, () => undefined);
  });
  const endpoint = await listen(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint, sent: () => sent };
}

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return `http://127.0.0.1:${address.port}`;
}
