/** Sends pictures: the end of the way for every avatar and letter. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Variant } from '../avatar/ports.ts';
import { AvatarError } from '../errors.ts';
import { isUnchanged } from './conditional.ts';
import type { Headers, PictureHeaders } from './headers.ts';

/**
 * With its body, or without when the client's copy still holds.
 *
 * @param own headers of this very reply
 */
export function sendPicture(
  variant: Variant,
  headers: PictureHeaders,
  own: Headers,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  if (isUnchanged(request.headers, variant)) {
    writeReply(reply, 304, { ...own, ...headers.ofUnchanged(variant) });
  } else {
    writeReply(reply, 200, { ...own, ...headers.ofVariant(variant) }, variant.bytes);
  }
}

/** In place of an avatar, without its body when the client has this very picture already. */
export function sendStandIn(
  variant: Variant,
  headers: PictureHeaders,
  own: Headers,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  // No date counts: that of a drawing is earlier than that of whatever avatar there was before.
  if (isUnchanged(request.headers, { etag: variant.etag })) {
    writeReply(reply, 304, { ...own, ...headers.ofUnchangedStandIn(variant.etag) });
  } else {
    writeReply(reply, 200, { ...own, ...headers.ofStandIn(variant) }, variant.bytes);
  }
}

/**
 * Straight to Node's response: the headers are ready and the body is a buffer, so Fastify's
 * serialisation would only add a third to the cost of a hit.
 */
export function writeReply(
  reply: FastifyReply,
  status: number,
  headers: Headers,
  body?: Buffer,
): void {
  reply.hijack();
  // For the log alone, which could not ask Node: it keeps no headers that come with the status.
  void reply.header('content-length', body?.byteLength ?? 0);
  // Node itself leaves the body out of replies to HEAD.
  reply.raw.writeHead(status, headers).end(body);
}

/**
 * The request target after a route's prefix, still percent-encoded, without the query.
 * @throws AvatarError `path_invalid`, when the router has matched a prefix with escapes in it
 */
export function pathAfter(prefix: string, { raw }: FastifyRequest): string {
  const target = raw.url ?? '';
  if (!target.startsWith(prefix)) throw new AvatarError('path_invalid');
  const query = target.indexOf('?');
  return target.slice(prefix.length, query === -1 ? undefined : query);
}

/** Aborts when the client closes the connection before it has its answer, or has done so already. */
export function disconnectionOf({ raw }: FastifyReply): AbortSignal {
  const left = (): AvatarError => new AvatarError('client_left');
  if (raw.destroyed) return AbortSignal.abort(left());
  const controller = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort(left());
  });
  return controller.signal;
}
