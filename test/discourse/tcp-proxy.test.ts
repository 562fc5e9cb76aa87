/** What stands between the service and PostgreSQL in tests does to connections what networks do, and nothing else. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { startTcpProxy } from '../support/tcp-proxy.ts';

describe('the proxy before PostgreSQL', () => {
  it('keeps the order of what was late when it heals', async () => {
    const [server, accepted] = await listen();
    const proxy = await startTcpProxy(portOf(server));
    const client = connect(proxy.port, '127.0.0.1');
    const said = text(client);
    const socket = await accepted;
    proxy.inject({ kind: 'slow', delayMs: 60_000 });
    socket.write('first, ');
    client.write('.');
    // Both have gone through the proxy's hands by then.
    await once(socket, 'data');
    await new Promise((resolve) => setImmediate(resolve));
    proxy.heal();
    socket.end('second');
    expect(await said).toBe('first, second');
    await proxy.stop();
    server.close();
  });

  it('refuses connections, and takes them at the same port when it heals', async () => {
    const [server] = await listen();
    const proxy = await startTcpProxy(portOf(server));
    const client = connect(proxy.port, '127.0.0.1');
    await once(client, 'connect');
    proxy.inject({ kind: 'refuse' });
    await once(client, 'close');
    await expect(once(connect(proxy.port, '127.0.0.1'), 'connect')).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    proxy.heal();
    await expect
      .poll(async () => {
        const again = connect(proxy.port, '127.0.0.1');
        return await once(again, 'connect').then(
          () => again.destroy().destroyed,
          () => false,
        );
      })
      .toBe(true);
    await proxy.stop();
    server.close();
  });
});

async function listen() {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer((socket) => accepted.resolve(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return [server, accepted.promise] as const;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}
