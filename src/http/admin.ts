/**
 * The listener for operators: metrics, and the gallery. It asks nobody who they are: it has an address
 * of its own, by default of the loopback interface, which no CDN should reach.
 */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { AvatarError } from '../errors.ts';
import { type GalleryOptions, galleryRoutes } from './gallery.ts';
import { problemDocument } from './problems.ts';

type AdminOptions = {
  readonly logger: Logger;
  readonly registry: Registry;
  readonly gallery: GalleryOptions;
};

/** Nothing from elsewhere, nothing inline, and in nobody's frame: it works without the internet. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': POLICY,
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

const ALLOWED = 'GET, HEAD';

export async function buildAdmin({
  logger,
  registry,
  gallery,
}: AdminOptions): Promise<FastifyInstance> {
  const admin = Fastify({
    logger: false,
    // Malformed escapes: no hook is run for them.
    frameworkErrors: (_error, request, reply) => {
      void reply.headers(HEADERS);
      if (!answerOtherMethod(request, reply)) sendReason(new AvatarError('path_invalid'), reply);
    },
  });
  admin.addHook('onRequest', (request, reply, done) => {
    void reply.headers(HEADERS);
    if (!answerOtherMethod(request, reply)) done();
  });
  admin.setNotFoundHandler((_request, reply) => sendReason(new AvatarError('not_found'), reply));
  admin.setErrorHandler((thrown, request, reply) => {
    const error = AvatarError.from(thrown);
    // What is said to operators is all there is to know, but for this.
    if (error.code === 'internal') {
      logger.error(
        { path: request.routeOptions.url, err: error.cause },
        "an operator's request failed",
      );
    }
    return sendReason(error, reply);
  });
  // By any name: scrapers find instances by DNS, and there is nothing in it but numbers.
  admin.get('/metrics', async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
  await admin.register(galleryRoutes, gallery);
  return admin;
}

/** @returns whether it was one: here all is for reading */
function answerOtherMethod({ method }: FastifyRequest, reply: FastifyReply): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  const detail = 'all there is here is for reading';
  sendReason(new AvatarError('method_not_allowed', { detail }), reply.header('allow', ALLOWED));
  return true;
}

/** To operators, with what is otherwise for the log alone. */
function sendReason(error: AvatarError, reply: FastifyReply): FastifyReply {
  const { code, status, publicMessage, detail = publicMessage } = error;
  return reply
    .code(status)
    .type('application/problem+json')
    .send(problemDocument(status, detail, code));
}
