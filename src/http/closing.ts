import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** As Fastify's instances are. */
type Listener = { readonly server: Server; readonly close: () => PromiseLike<unknown> };

const LOOK_EVERY_MS = 50;

/**
 * To be called before the listener listens.
 * @param withinMs clients that have not taken their answer by then, which ends nothing but their slowness
 * @returns what closes it: after the answers under way, and not a moment later
 */
export function closerOf({ server, close }: Listener, withinMs: number) {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  // Of themselves, Node and Fastify close what is idle at this moment. What becomes idle later, and what
  // was opened in advance and never used, they would wait for as long as its clients like to keep it.
  const closeUnused = (): void => {
    server.closeIdleConnections();
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  };
  return async (): Promise<void> => {
    const closeIdle = server.closeIdleConnections.bind(server);
    // Node takes an answer for sent as soon as its socket holds it, and would cut it off for a slow client.
    server.closeIdleConnections = (): void => {
      const isSending = [...connections].some(({ writableLength }) => writableLength > 0);
      if (!isSending) closeIdle();
    };
    const timer = setInterval(closeUnused, LOOK_EVERY_MS);
    const end = setTimeout(() => server.closeAllConnections(), withinMs);
    try {
      await close();
    } finally {
      clearInterval(timer);
      clearTimeout(end);
    }
  };
}
