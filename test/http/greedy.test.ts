/** Clients that are slow, greedy or gone, over real sockets: all they get is bounded, and others are served. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { closerOf } from '../../src/http/closing.ts';
import { LIMITS, type Limits, openListener } from '../../src/http/server.ts';
import { createFolder, startApp, type TestApp } from '../support/app.ts';
import { card } from '../support/cards.ts';
import { heapInUse } from '../support/heap.ts';

/** As the service has them, in a hundredth of the time. */
const HASTY: Limits = {
  ...LIMITS,
  requestTimeout: 150,
  headersTimeout: 150,
  connectionsCheckingInterval: 20,
  keepAliveTimeout: 400,
  idleTimeout: 600,
};

/** More than any socket buffers. */
const LARGE = Buffer.alloc(64 * 1024 * 1024);

async function listen(limits: Limits): Promise<{ server: Server; port: number }> {
  const server = openListener((request, response) => {
    if (request.url === '/never') return;
    response.end(request.url === '/large' ? LARGE : 'served');
  }, limits);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: portOf(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}

async function open(port: number, request = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(request);
  return socket;
}

describe('a connection that never gets to the point', () => {
  it.each([
    ['says nothing at all', '', ''],
    ['sends its headers a byte at a time', 'GET / HTTP/1.1\r\nHost: h\r\nX: ', 'x'],
    ['stops in its headers', 'GET / HTTP/1.1\r\nHost: h\r\n', ''],
    [
      'sends a body a byte at a time',
      'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\n',
      'x',
    ],
    ['asks, and does not read', 'GET /large HTTP/1.1\r\nHost: h\r\n\r\n', ''],
    ['asks, and does not ask again', 'GET / HTTP/1.1\r\nHost: h\r\n\r\n', ''],
    ['waits for what is never answered', 'GET /never HTTP/1.1\r\nHost: h\r\n\r\n', ''],
  ])('is closed when it %s', async (_what, request, drop) => {
    const { server, port } = await listen(HASTY);
    const socket = await open(port, request);
    if (!request.includes('/large')) socket.resume();
    const dripping = setInterval(() => socket.write(drop), 20);
    onTestFinished(() => clearInterval(dripping));
    await expect.poll(() => connectionsOf(server), { timeout: 10_000 }).toBe(0);
    socket.destroy();
  });
});

it('a connection is not read on behind a body, while its answer is to come', async () => {
  const { server, port } = await listen(LIMITS);
  const accepted = once(server, 'connection');
  const many = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(50_000);
  const client = await open(port, `POST /never HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx`);
  onTestFinished(() => void client.destroy());
  client.write(many);
  const [connection]: Socket[] = await accepted;
  const isAtRest = async (): Promise<boolean> => {
    const before = connection?.bytesRead;
    await sleep(200);
    return connection?.bytesRead === before;
  };
  await expect.poll(isAtRest, { timeout: 20_000 }).toBe(true);
  expect(connection?.bytesRead).toBeGreaterThan(0);
  expect(connection?.bytesRead).toBeLessThan(500_000);
});

describe('the listener at its limit of connections', () => {
  const PATIENT = { ...HASTY, maxConnections: 20, keepAliveTimeout: 60_000, idleTimeout: 60_000 };

  async function fill(server: Server, port: number, paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      const socket = await open(port, `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
      onTestFinished(() => void socket.destroy());
      if (path !== '/large') socket.resume();
    }
    await expect.poll(() => connectionsOf(server)).toBe(paths.length);
  }

  async function ask(port: number): Promise<string> {
    const socket = await open(port, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    return await text(socket).catch(() => '');
  }

  it('closes those that are idle and lets others in', async () => {
    const { server, port } = await listen(PATIENT);
    await fill(server, port, Array<string>(20).fill('/'));
    await expect.poll(() => ask(port), { timeout: 10_000 }).toContain('served');
  });

  it('does so while one of them does not read, in a service that may be closed', async () => {
    const { server, port } = await listen(PATIENT);
    closerOf({ server, close: () => Promise.resolve() }, 1000);
    await fill(server, port, ['/large', ...Array<string>(19).fill('/')]);
    await expect.poll(() => ask(port), { timeout: 10_000 }).toContain('served');
  });
});

describe('the service at its limit of connections', () => {
  it('counts those it turns away, and warns of them once in a while', async () => {
    const app = await startApp();
    onTestFinished(() => app.close());
    const port = Number(new URL(await app.listen()).port);
    app.server.server.maxConnections = 2;
    const sockets = await Promise.all(Array.from({ length: 5 }, () => open(port)));
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    const turnedAway = (): Promise<number> => app.metric('avatar_connections_dropped_total');
    await expect.poll(turnedAway, { timeout: 10_000 }).toBe(3);
    expect(app.lines.filter(({ level }) => level === 40)).toMatchObject([
      { msg: 'connections are turned away', most: 2, leftOut: 0 },
    ]);
  });
});

describe('the limits of the service', () => {
  it('keep connections longer than those in front do, and requests shorter than they wait', () => {
    expect(LIMITS.keepAliveTimeout).toBeGreaterThan(60_000);
    expect(LIMITS.headersTimeout + LIMITS.connectionsCheckingInterval).toBeLessThan(15_000);
    // The longest deadline that can be configured, for a miss that says nothing until it is done.
    expect(LIMITS.idleTimeout).toBeGreaterThan(120_000);
  });
});

async function connectionsOf(server: Server): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  return await promise;
}

describe('the service', () => {
  let folder: Awaited<ReturnType<typeof createFolder>>;
  let app: TestApp;
  let port: number;

  beforeAll(async () => {
    folder = await createFolder({ 'h/u/1': await card(200, 200).jpeg().toBuffer() });
    app = await startApp({
      AVATAR_ORIGINALS: `file:${folder.directory}`,
      AVATAR_MEMORY_MB: '1',
      LOG_LEVEL: 'error',
    });
    port = Number(new URL(await app.listen()).port);
  });

  afterAll(async () => {
    await app.close();
    await folder.remove();
  });

  async function isServed(): Promise<boolean> {
    return (await fetch(`http://127.0.0.1:${port}/user_avatar/h/u/48/1.png`)).status === 200;
  }

  it('answers all that is sent down one connection at once, in order', async () => {
    const count = 300;
    const paths = Array.from({ length: count }, (_, index) =>
      index % 3 === 0
        ? `/user_avatar/h/u/${100 + index}/1.png`
        : `/user_avatar/h/u/no-size-${index}/1.png`,
    );
    const last = 'GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
    const requests = paths.map((path) => `HEAD ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
    const socket = await open(port, `${requests.join('')}${last}`);
    const replies = await text(socket);
    const statuses = Array.from(replies.matchAll(/^HTTP\/1\.1 (\d+)/gm), ([, status]) => status);
    expect(statuses).toHaveLength(count + 1);
    for (const [index, status] of statuses.slice(0, count).entries()) {
      expect(index % 3 === 0 ? ['200', '503'] : ['404']).toContain(status);
    }
    expect(statuses.at(-1)).toBe('200');
    expect(await isServed()).toBe(true);
  });

  it.each([
    ['a length', 'Content-Length: 1000000000'],
    ['chunks', 'Transfer-Encoding: chunked'],
  ])(
    'does not wait for the body of a GET, nor take it in, that comes with %s',
    async (_what, header) => {
      const socket = await open(
        port,
        `GET /user_avatar/h/u/48/1.png HTTP/1.1\r\nHost: h\r\n${header}\r\n\r\n`,
      );
      const reply = await text(socket);
      expect(reply).toMatch(/^HTTP\/1\.1 200 /);
      expect(reply).toMatch(/connection: close/i);
      expect(await isServed()).toBe(true);
    },
  );

  it('holds what a flood of addresses leaves behind within bounds', async () => {
    const flood = async (from: number, count: number): Promise<void> => {
      const misses = Array.from({ length: count }, (_, index) => from + index);
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          for (let each = misses.pop(); each !== undefined; each = misses.pop()) {
            const path = each % 10 === 0 ? `u/${8 + (each % 992)}` : `nobody-${each}/48`;
            const reply = await app.server.inject(`/user_avatar/h/${path}/1.png`);
            expect([200, 404, 503]).toContain(reply.statusCode);
          }
        }),
      );
    };
    await flood(0, 1000);
    expect(await app.metric('avatar_cache_bytes')).toBeLessThanOrEqual(1024 * 1024);
    expect(await app.metric('avatar_renders_waiting')).toBe(0);
    expect(await isServed()).toBe(true);
  }, 90_000);

  it('remembers a name without the long query it came with', async () => {
    const query = 'q'.repeat(15_000);
    const ask = async (from: number, count: number): Promise<void> => {
      const requests = Array.from({ length: count }, (_, index) => {
        const name = `nobody-of-this-name-${from + index}`;
        return `HEAD /user_avatar/forum.example/${name}/48/12345678901234_1.png?${query} HTTP/1.1\r\nHost: h\r\n\r\n`;
      });
      const last = 'GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
      const socket = await open(port, `${requests.join('')}${last}`);
      const missing = (await text(socket)).match(/^HTTP\/1\.1 404/gm) ?? [];
      // Of so many at once by one client, some are refused.
      expect(missing.length).toBeGreaterThan(count / 2);
    };
    await ask(0, 100);
    const before = heapInUse();
    for (let from = 100; from < 900; from += 100) await ask(from, 100);
    // With the queries it was 15 MB.
    expect(heapInUse() - before).toBeLessThan(6e6);
  }, 60_000);

  it('closes a thousand connections that say nothing when it is closed itself', async () => {
    const other = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}` });
    const otherPort = Number(new URL(await other.listen()).port);
    const sockets = await Promise.all(Array.from({ length: 1000 }, () => open(otherPort)));
    const reply = await fetch(`http://127.0.0.1:${otherPort}/user_avatar/h/u/48/1.png`);
    expect(reply.status).toBe(200);
    for (const socket of sockets) socket.destroy();
    await other.close();
  });
});
