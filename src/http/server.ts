import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { AvatarError } from '../errors.ts';
import type { AccessLog } from './access-log.ts';
import { type TrustedProxies, trustIn } from './client.ts';
import { Connections } from './connections.ts';
import type { HitPath } from './hits.ts';
import { answerProblems, answerUnroutable, hostProblem, sendProblem } from './problems.ts';
import { refuse, refuseTunnel } from './parse-errors.ts';
import { requestId } from './request-id.ts';

/** Against slow and greedy clients. */
export const LIMITS = {
  /** The whole of a request, and its headers, within this time. */
  requestTimeout: 10_000,
  headersTimeout: 10_000,
  /** How often that is looked at: Node's half minute would make forty seconds of it. */
  connectionsCheckingInterval: 2000,
  maxHeaderSize: 16 * 1024,
  /** Longer than load balancers and NGINX keep theirs (60 s), so that never we close one in use. */
  keepAliveTimeout: 72_000,
  /** Who vanished without a word, at the other end of a firewall, is found out by the kernel. */
  keepAlive: true,
  keepAliveInitialDelay: 30_000,
  /** Nothing moved for so long: a client that does not read. Above the longest deadline there is. */
  idleTimeout: 150_000,
  /** A hundred times what fronts open; of 10 kB each. */
  maxConnections: 8192,
} as const;

/** What tells whether this instance is about to leave. */
type Draining = { readonly isDraining: boolean };

export type Limits = {
  readonly [Name in keyof typeof LIMITS]: (typeof LIMITS)[Name] extends boolean ? boolean : number;
};

/**
 * At the limit of connections those in use are spared: the others are closed, as often as this. Node takes
 * those for idle whose client has yet to read the end of its answer: here such clients may lose it.
 */
const CLEARED_EVERY_MS = 1000;

/** Node's server with what is kept from slow and greedy clients. */
export function openListener(
  handler: RequestListener,
  limits: Limits = LIMITS,
  connections = new Connections(),
): Server {
  const listener: RequestListener = (request, response) => {
    const { socket } = request;
    if (connections.isEnding(socket)) {
      // Each would be held until the answer before it is there. At the end of a request Node reads on.
      process.nextTick(() => socket.pause());
      return;
    }
    // Nobody's body is read. Rather than receive all of it for nothing, the connection ends with the reply.
    if (hasBody(request)) connections.expectNoMore(socket, response);
    if (request.url?.charCodeAt(0) !== SLASH) request.url = pathOf(request.url);
    handler(request, response);
    connections.owe(socket, response);
  };
  // Node's own refusals would be bare, and nobody would hear of them.
  const server = createServer({ ...limits, requireHostHeader: false }, listener);
  server.on('checkExpectation', listener);
  // Nor is anybody invited to send a body (RFC 9110, section 10.1.1).
  server.on('checkContinue', listener);
  server.setTimeout(limits.idleTimeout);
  server.maxConnections = limits.maxConnections;
  let clearedAt = -Infinity;
  server.on('drop', () => {
    if (performance.now() - clearedAt < CLEARED_EVERY_MS) return;
    clearedAt = performance.now();
    server.closeIdleConnections();
  });
  return server;
}

const SLASH = 0x2f;

/** A target in absolute form, as for a proxy, is to be accepted (RFC 9112, section 3.2.2). */
function pathOf(target: string | undefined): string | undefined {
  return target?.replace(/^https?:\/\/[^/?]*\/?/i, '/');
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

type ServerOptions = {
  readonly hits: HitPath;
  readonly log: AccessLog;
  readonly draining: Draining;
  readonly trustedProxies: TrustedProxies | undefined;
};

/** The public listener without its routes: limits, timeouts, and an answer to everything else. */
export function buildServer(
  logger: FastifyBaseLogger,
  { hits, log, draining, trustedProxies }: ServerOptions,
): FastifyInstance {
  const connections = new Connections();
  const server = Fastify({
    loggerInstance: logger,
    // One line a request, written when it is answered: see `access-log.ts`.
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (parent) => parent,
    genReqId: requestId,
    // Malformed escapes: no hook is run for them.
    frameworkErrors: (_error, request, reply) => {
      log.follow(request, reply);
      if (answerUnroutable(request, reply)) return;
      void sendProblem(new AvatarError('path_invalid'), request, reply);
    },
    clientErrorHandler: (error, socket) => refuse(error, socket, connections, log),
    exposeHeadRoutes: true,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    bodyLimit: 1,
    trustProxy: trustIn(trustedProxies),
    serverFactory: (handler) =>
      openListener(
        (request, response) => {
          // Says "Connection: close", so that connections are given up by those who use them, between
          // two requests, instead of being cut when nobody can know whether the next one is on its way.
          if (draining.isDraining) response.shouldKeepAlive = false;
          if (hostProblem(request) !== undefined || !hits.answer(request, response))
            handler(request, response);
        },
        LIMITS,
        connections,
      ),
  });
  log.watch(server);
  const { server: listener } = server;
  listener.on('connect', (_request, socket) => refuseTunnel(socket, connections, log));
  listener.on('drop', () => log.turnedAway(listener.maxConnections));
  answerProblems(server);
  return server;
}
