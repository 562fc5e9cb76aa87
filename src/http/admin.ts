/**
 * The listener for operators: metrics, and the gallery. It asks nobody who they are: it has an address
 * of its own, by default of the loopback interface, which no CDN should reach.
 */
import Fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { type GalleryOptions, galleryRoutes } from './gallery.ts';

type AdminOptions = {
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

export async function buildAdmin({ registry, gallery }: AdminOptions): Promise<FastifyInstance> {
  const admin = Fastify({ logger: false });
  admin.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(HEADERS);
    done();
  });
  // By any name: scrapers find instances by DNS, and there is nothing in it but numbers.
  admin.get('/metrics', async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
  await admin.register(galleryRoutes, gallery);
  return admin;
}
