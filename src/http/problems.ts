/**
 * Everything that is not an avatar: failures as problem documents (RFC 9457), addresses nobody
 * serves, methods nobody may use.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import { AvatarError } from '../errors.ts';
import { problemHeaders } from './headers.ts';

export const ALLOWED = 'GET, HEAD, OPTIONS';

/** Registered on the app itself, not as a plugin: it is for every route, and for those that are none. */
export function answerProblems(app: FastifyInstance): void {
  // Before the routes, so that nobody's body is ever read.
  app.addHook('onRequest', (request, reply, done) => {
    if (!answerUnroutable(request, reply)) done();
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(new AvatarError('not_found'), request, reply),
  );
  app.setErrorHandler((error, request, reply) =>
    sendProblem(AvatarError.from(error), request, reply),
  );
}

/** @returns whether this was none that any route is for, and has its answer */
export function answerUnroutable(request: FastifyRequest, reply: FastifyReply): boolean {
  const detail = hostProblem(request.raw);
  if (detail !== undefined) {
    const error = new AvatarError('request_malformed', { detail });
    sendProblem(error, request, reply.header('connection', 'close'));
    return true;
  }
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return false;
    case 'OPTIONS':
      sendOptions(reply);
      return true;
    default:
      sendProblem(new AvatarError('method_not_allowed'), request, reply.header('allow', ALLOWED));
      return true;
  }
}

/** What may be in a host and a port (RFC 3986, section 3.2.2), but no comma: that would be a list of them. */
const HOST = /^[\w.~%!$&'()*+;=:[\]-]*$/;

/** @returns why a request must be refused (RFC 9112, section 3.2), without a word of what was sent */
export function hostProblem({
  headers,
  httpVersion,
  rawHeaders,
}: IncomingMessage): string | undefined {
  const { host } = headers;
  if (host === undefined) return httpVersion === '1.1' ? 'no Host' : undefined;
  if (!HOST.test(host)) return 'no valid Host';
  // Of several Node keeps the first. Names and values in turns.
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts > 1 ? 'more than one Host' : undefined;
}

export function sendProblem(
  error: AvatarError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  request.outcome = { name: error.code, error };
  return reply
    .code(error.status)
    .headers(problemHeaders(error.status, error.retryAfterSeconds))
    .send(problemDocument(error.status, error.publicMessage, error.code));
}

function sendOptions(reply: FastifyReply): void {
  void reply
    .code(204)
    .headers({
      allow: ALLOWED,
      'access-control-allow-origin': '*',
      'access-control-allow-methods': ALLOWED,
      'access-control-max-age': 86_400,
      'cache-control': 'public, max-age=86400',
    })
    .send();
}

/**
 * Without a `type` (so "about:blank") the title is the status' own phrase (RFC 9457, section 4.2.1).
 * As bytes, so that Fastify does not add a charset: the media type has no such parameter.
 */
export function problemDocument(status: number, detail: string, code: string): Buffer {
  return Buffer.from(JSON.stringify({ title: STATUS_CODES[status], status, detail, code }));
}
