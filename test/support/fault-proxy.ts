/**
 * A pass-through HTTP proxy between the SDK and an S3 server: counts what passes, and does to
 * replies what no healthy server would. Requests are forwarded as they came, Host header included,
 * because signatures cover it.
 */
import {
  Agent,
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export type Fault =
  /** The connection is accepted and nothing ever comes. */
  | { readonly kind: 'silence' }
  /** The reply is held back for so long. */
  | { readonly kind: 'late'; readonly delayMs: number }
  /** The server is asked only after a while. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The first half of the body arrives, then nothing more does. */
  | { readonly kind: 'stall' }
  /** The body comes in `pieces`, with a pause before each. */
  | { readonly kind: 'trickle'; readonly pieces: number; readonly pauseMs: number }
  /** The connection ends in the middle of the body. */
  | { readonly kind: 'cut' }
  /** The connection is reset before any reply. */
  | { readonly kind: 'reset' }
  /** The body has its length, but not all of its bytes. */
  | { readonly kind: 'corrupt' }
  /** Content-Length promises this many bytes more than are sent before the connection ends. */
  | { readonly kind: 'overpromise'; readonly extra: number }
  /** Another reply altogether; the server is not asked. */
  | {
      readonly kind: 'reply';
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The server's reply with these headers instead of its own; undefined takes one away. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string | undefined>> };

type InjectOptions = {
  readonly objectsOnly?: boolean;
  readonly times?: number;
  /** Requests that are spared. */
  readonly unless?: (request: IncomingMessage) => boolean;
};

export type FaultProxy = {
  readonly endpoint: string;
  /** Requests seen for the bytes of an object. */
  readonly objectReads: () => number;
  /** All requests seen. */
  readonly requests: () => number;
  /** Connections that are open now. */
  readonly connections: () => number;
  /**
   * Breaks every reply from now on, or, with `times`, as many as that. Where several faults apply,
   * the one injected last does.
   */
  inject(fault: Fault, options?: InjectOptions): void;
  heal(): void;
  stop(): Promise<void>;
};

type Spoiling = Exclude<Fault, { readonly kind: 'silence' | 'reset' | 'reply' | 'delay' }>;

type Injection = Required<Omit<InjectOptions, 'times'>> & {
  readonly fault: Fault;
  timesLeft: number;
};

export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  const target = new URL(upstream);
  const agent = new Agent({ keepAlive: true });
  const sockets = new Set<Socket>();
  let objectReads = 0;
  let requests = 0;
  const injections: Injection[] = [];

  const faultFor = (request: IncomingMessage, isObjectRead: boolean): Fault | undefined => {
    const injection = injections.find(
      ({ objectsOnly, timesLeft, unless }) =>
        timesLeft > 0 && (isObjectRead || !objectsOnly) && !unless(request),
    );
    if (injection === undefined) return undefined;
    injection.timesLeft -= 1;
    return injection.fault;
  };

  const server = createServer((request, response) => {
    const isObjectRead = asksForAnObject(request);
    requests += 1;
    if (isObjectRead) objectReads += 1;
    const fault = faultFor(request, isObjectRead);
    // A client that leaves is what several tests are about.
    response.on('error', () => undefined);
    if (fault?.kind === 'silence') return;
    if (fault?.kind === 'reset') {
      request.socket.resetAndDestroy();
    } else if (fault?.kind === 'reply') {
      response.writeHead(fault.status, fault.headers).end(fault.body);
    } else if (fault?.kind === 'delay') {
      setTimeout(() => {
        forward(target, agent, request, response, (reply) => spoil(undefined, reply, response));
      }, fault.ms);
    } else {
      forward(target, agent, request, response, (reply) => spoil(fault, reply, response));
    }
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');

  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    objectReads: () => objectReads,
    requests: () => requests,
    connections: () => sockets.size,
    inject(fault, { objectsOnly = false, times = Infinity, unless = () => false } = {}) {
      injections.unshift({ fault, objectsOnly, timesLeft: times, unless });
    },
    heal() {
      injections.length = 0;
    },
    async stop() {
      agent.destroy();
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}

/** Path-style GetObject: a bucket, a key, and no subresource but the SDK's own `x-id`. */
function asksForAnObject(request: IncomingMessage): boolean {
  const url = new URL(request.url ?? '/', 'http://proxy');
  const subresources = [...url.searchParams.keys()].filter((name) => name !== 'x-id');
  return request.method === 'GET' && /^\/[^/]+\/./.test(url.pathname) && subresources.length === 0;
}

function forward(
  target: URL,
  agent: Agent,
  request: IncomingMessage,
  response: ServerResponse,
  deliver: (reply: IncomingMessage) => Promise<void>,
): void {
  const onward = httpRequest(
    {
      agent,
      host: target.hostname,
      port: target.port,
      method: request.method,
      path: request.url,
      headers: request.headers,
      setHost: false,
    },
    (reply) => {
      deliver(reply).catch(() => response.destroy());
    },
  );
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}

async function spoil(
  fault: Spoiling | undefined,
  reply: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await buffer(reply);
  const half = body.subarray(0, Math.floor(body.length / 2));
  const status = reply.statusCode ?? 502;
  const { connection: _, ...headers } = reply.headers;
  switch (fault?.kind) {
    case 'late':
      await sleep(fault.delayMs);
      response.writeHead(status, headers).end(body);
      return;
    case 'stall':
      response.writeHead(status, headers).write(half);
      return;
    case 'cut':
      response.writeHead(status, headers);
      response.write(half, () => response.socket?.destroy());
      return;
    case 'corrupt':
      body.reverse();
      response.writeHead(status, headers).end(body);
      return;
    case 'overpromise':
      response.writeHead(status, { ...headers, 'content-length': body.length + fault.extra });
      response.write(body, () => response.socket?.destroy());
      return;
    case 'trickle':
      response.writeHead(status, headers);
      await trickle(body, fault, response);
      return;
    case 'headers':
      response.writeHead(status, definedOnly({ ...headers, ...fault.headers })).end(body);
      return;
    case undefined:
      response.writeHead(status, headers).end(body);
  }
}

async function trickle(
  body: Buffer,
  { pieces, pauseMs }: { readonly pieces: number; readonly pauseMs: number },
  response: ServerResponse,
): Promise<void> {
  const step = Math.ceil(body.length / pieces);
  for (let at = 0; at < body.length && !response.destroyed; at += step) {
    await sleep(pauseMs);
    response.write(body.subarray(at, at + step));
  }
  response.end();
}

function definedOnly<T>(headers: Readonly<Record<string, T | undefined>>): Record<string, T> {
  const defined: Record<string, T> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) defined[name] = value;
  }
  return defined;
}
