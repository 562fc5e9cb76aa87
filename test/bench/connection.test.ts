import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Connection } from '../../bench/support/connection.ts';

async function listen(server: Server): Promise<URL> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return new URL(`http://127.0.0.1:${address.port}/a?b`);
}

async function serve(handle: RequestListener): Promise<URL> {
  const server = createServer(handle);
  onTestFinished(() => server.closeAllConnections());
  return await listen(server);
}

/** Answers the first request with these pieces, one after the other. */
async function answerWith(pieces: readonly string[]): Promise<URL> {
  const server = createTcpServer((socket) => {
    socket.once('data', () => {
      void (async () => {
        for (const piece of pieces) {
          socket.write(piece);
          await sleep(5);
        }
        socket.end();
      })();
    });
  });
  return await listen(server);
}

describe('a connection of the load generator', () => {
  it('asks for one thing after the other, with its headers', async () => {
    const asked: unknown[] = [];
    const url = await serve(({ url: path, headers }, response) => {
      asked.push([path, headers['x-one'], response.socket?.remotePort]);
      response.statusCode = asked.length === 2 ? 503 : 200;
      response.end(Buffer.alloc(100_000 * asked.length));
    });
    const connection = new Connection(url, undefined);
    const received = [];
    for (let count = 0; count < 3; count += 1) {
      received.push(await connection.get(url, 'x-one: 1\r\n'));
    }
    expect(received).toEqual([
      { status: 200, bytes: 100_000 },
      { status: 503, bytes: 200_000 },
      { status: 200, bytes: 300_000 },
    ]);
    expect(new Set(asked.map(String)).size).toBe(1);
    expect(connection.isOpen).toBe(true);
  });

  it('takes a reply in any pieces, and one without a body', async () => {
    const reply = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello';
    for (let at = 1; at < reply.length; at += 1) {
      const url = await answerWith([reply.slice(0, at), reply.slice(at)]);
      const received = await new Connection(url, undefined).get(url, '');
      expect(received, `${at}`).toEqual({ status: 200, bytes: 5 });
    }
    const url = await serve((_request, response) => response.writeHead(304).end());
    expect(await new Connection(url, undefined).get(url, '')).toEqual({ status: 304, bytes: 0 });
  });

  it('gives 0 for what breaks off, tells no length, or is not there', async () => {
    const cut = await answerWith(['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhell']);
    const connection = new Connection(cut, undefined);
    expect((await connection.get(cut, '')).status).toBe(0);
    expect(connection.isOpen).toBe(false);
    const endless = await serve((_request, response) => {
      response.write('a');
      response.end('b');
    });
    expect((await new Connection(endless, undefined).get(endless, '')).status).toBe(0);
    const nobody = new URL('http://127.0.0.1:1/');
    expect((await new Connection(nobody, undefined).get(nobody, '')).status).toBe(0);
  });

  it('comes from the address it is given', async () => {
    const url = await serve((request, response) => response.end(request.socket.remoteAddress));
    const { bytes } = await new Connection(url, '127.0.0.42').get(url, '');
    expect(bytes).toBe('127.0.0.42'.length);
  });
});
