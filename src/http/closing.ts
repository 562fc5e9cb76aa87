import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

const LOOK_EVERY_MS = 50;

/**
 * To be called before the listener listens.
 * @returns what closes it: after the answers under way, and not a moment later
 */
export function closerOf({ server, close }: Pick<FastifyInstance, 'server' | 'close'>) {
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
    const timer = setInterval(closeUnused, LOOK_EVERY_MS);
    try {
      await close();
    } finally {
      clearInterval(timer);
    }
  };
}
