/** A pass-through proxy for any protocol over TCP, and what networks do to connections. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export type TcpFault =
  /** What the server says comes so much later. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Connections are made and stay, and nothing passes either way; afterwards it does. */
  | { readonly kind: 'hang' }
  /** Of the next thing the server says only the first half arrives, and then the end. */
  | { readonly kind: 'cut' }
  /** All connections are reset, and new ones too. */
  | { readonly kind: 'reset' }
  /** All connections end, and nobody listens for new ones. */
  | { readonly kind: 'refuse' };

export type TcpProxy = {
  readonly port: number;
  /** Connections that are open now. */
  connections(): number;
  /** Until `heal`, for connections there are and for new ones. */
  inject(fault: TcpFault): void;
  heal(): void;
  stop(): Promise<void>;
};

type Pair = {
  readonly client: Socket;
  readonly server: Socket;
  /** What the server has said and is still on its way. */
  readonly late: Buffer[];
};

export async function startTcpProxy(upstreamPort: number): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let fault: TcpFault | undefined;

  const listener = createServer((client) => {
    if (fault?.kind === 'reset') {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ host: '127.0.0.1', port: upstreamPort });
    const pair: Pair = { client, server, late: [] };
    pairs.add(pair);
    for (const socket of [pair.client, pair.server]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        client.destroy();
        pair.server.destroy();
      });
    }
    if (fault?.kind === 'hang') pause(pair);
    client.on('data', (bytes) => pair.server.write(bytes));
    pair.server.on('data', (bytes: Buffer) => passOn(bytes, pair));
  });

  function passOn(bytes: Buffer, { client, late }: Pair): void {
    if (fault?.kind === 'slow') {
      late.push(bytes);
      setTimeout(() => {
        for (const first of late.splice(0, 1)) client.write(first);
      }, fault.delayMs);
    } else if (fault?.kind === 'cut') {
      client.end(bytes.subarray(0, Math.floor(bytes.length / 2)));
    } else {
      client.write(bytes);
    }
  }

  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');

  return {
    port: address.port,
    connections: () => pairs.size,
    inject(next) {
      fault = next;
      for (const pair of pairs) {
        if (next.kind === 'hang') pause(pair);
        if (next.kind === 'reset') pair.client.resetAndDestroy();
        if (next.kind === 'refuse') pair.client.destroy();
      }
      if (next.kind === 'refuse') listener.close();
    },
    heal() {
      fault = undefined;
      for (const { client, server, late } of pairs) {
        // Before what the server says next: no network changes the order of a connection's bytes.
        for (const bytes of late.splice(0)) client.write(bytes);
        client.resume();
        server.resume();
      }
      if (!listener.listening) listener.listen(address.port, '127.0.0.1');
    },
    async stop() {
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      await new Promise<void>((resolve) => {
        listener.close(() => resolve());
      });
    },
  };
}

function pause({ client, server }: Pair): void {
  client.pause();
  server.pause();
}
