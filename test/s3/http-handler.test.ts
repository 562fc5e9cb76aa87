/** What a client of S3 does about servers that hang. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { OriginalStore } from '../../src/originals/store.ts';
import { useS3 } from '../originals/s3.fixture.ts';
import { never, readOriginal } from '../originals/store-suite.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const fixture = useS3();
const CONNECTIONS = 6;

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

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return `http://127.0.0.1:${address.port}`;
}
