import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** As Fastify's instances are. */
type Listener = { readonly server: Server; readonly close: () => PromiseLike<unknown> };

const LOOK_EVERY_MS = 50;
/** For the rest of a request that has begun to arrive: some round trips. What is late is cut, unanswered. */
const ARRIVES_WITHIN_MS = 1000;

/**
 * To be called before the listener listens.
 * @param withinMs clients that have not taken their answer by then, which ends nothing but their slowness
 * @returns what closes it: after the answers under way, and a second for requests that are arriving
 */
export function closerOf({ server, close }: Listener, withinMs: number) {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  const underway = new Set<ServerResponse>();
  const note = (_request: IncomingMessage, response: ServerResponse): void => {
    // Most are, of what is in memory: this costs them nothing.
    if (response.writableEnded) return;
    underway.add(response);
    response.once('close', () => underway.delete(response));
  };
  server.on('request', note);
  // Where nobody listens to these, Node itself deals with them, and tells of a request.
  for (const event of ['checkContinue', 'checkExpectation']) {
    if (server.listenerCount(event) > 0) server.on(event, note);
  }
  // Of themselves, Node and Fastify close what is idle at this moment. What becomes idle later, and what
  // was opened in advance and never used, they would wait for as long as its clients like to keep it.
  const closeUnused = (isLate: boolean): void => {
    server.closeIdleConnections();
    const asked = new Set(Array.from(underway, ({ req }) => req.socket));
    for (const socket of connections) {
      const isUnasked = isLate && !asked.has(socket) && socket.writableLength === 0;
      if (socket.bytesRead === 0 || isUnasked) socket.destroy();
    }
  };
  return async (): Promise<void> => {
    const closeIdle = server.closeIdleConnections.bind(server);
    // Node takes an answer for sent as soon as its socket holds it, and would cut it off for a slow client.
    server.closeIdleConnections = (): void => {
      const isSending = [...connections].some(({ writableLength }) => writableLength > 0);
      if (!isSending) closeIdle();
    };
    const begunAt = performance.now();
    const look = (): void => closeUnused(performance.now() - begunAt > ARRIVES_WITHIN_MS);
    const timer = setInterval(look, LOOK_EVERY_MS);
    const end = setTimeout(() => server.closeAllConnections(), withinMs);
    try {
      await close();
    } finally {
      clearInterval(timer);
      clearTimeout(end);
    }
  };
}
