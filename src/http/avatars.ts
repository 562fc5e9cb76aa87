/** The avatars themselves: `/user_avatar/:host/:user/:size/:id.png`. */
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import type { Answer } from '../avatar/answer.ts';
import type { Wish } from '../avatar/format-choice.ts';
import type { Pipeline } from '../avatar/pipeline.ts';
import type { AddressGrammar } from '../avatar/ports.ts';
import { withOwnTexts } from '../vocabulary/request.ts';
import { watchOver } from './access-log.ts';
import { clientOf } from './client.ts';
import { parseIfNoneMatch } from './conditional.ts';
import { CACHE_STATUS, type PictureHeaders, VARY } from './headers.ts';
import type { HitPath } from './hits.ts';
import type { Negotiation } from './negotiation.ts';
import { disconnectionOf, pathAfter, sendPicture, sendStandIn, writeReply } from './pictures.ts';

type AvatarRoutesOptions = {
  readonly pipeline: Pipeline;
  readonly grammar: AddressGrammar;
  readonly headers: PictureHeaders;
  readonly hits: HitPath;
  readonly negotiation: Negotiation;
  /** Empty, or `/forum`. */
  readonly basePath: string;
  /** Before the path in redirects: empty for the host that was asked. */
  readonly redirectBase: string;
};

export const avatarRoutes: FastifyPluginCallback<AvatarRoutesOptions> = (app, options, done) => {
  const { pipeline, grammar, negotiation, basePath } = options;
  const prefix = `${basePath}/user_avatar/`;

  // A wildcard, because the grammar is ours to read: the router's own decoding is never used.
  app.get(`${prefix}*`, async (request, reply) => {
    const asked = withOwnTexts(grammar.parse(pathAfter(prefix, request)));
    const wish = negotiation.isAbout(asked)
      ? negotiation.wishOf(request.headers.accept)
      : undefined;
    // Before the answer is known: failures are sent elsewhere, and vary as the picture would have.
    if (wish !== undefined) void reply.headers(VARY);
    const known = parseIfNoneMatch(request.headers['if-none-match']);
    const answer = await pipeline.answer(asked, {
      client: clientOf(request),
      tags: known === '*' ? [] : known,
      wish: wish ?? 'none',
      disconnected: () => disconnectionOf(reply),
      watch: watchOver(request),
    });
    send(answer, wish, options, request, reply);
    return reply;
  });
  done();
};

/** @param wish undefined where no wish counts */
function send(
  answer: Answer,
  wish: Wish | undefined,
  { grammar, headers, hits, basePath, redirectBase }: AvatarRoutesOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const varies = wish === undefined ? {} : VARY;
  switch (answer.kind) {
    case 'variant': {
      const { variant, key, source, trouble: error } = answer;
      const { format } = variant;
      const trouble = error !== undefined && { error };
      request.outcome = { name: source, picture: 'avatar', format, ...trouble };
      hits.remember(request.raw.url ?? '', { key, picture: 'avatar' }, wish);
      const cacheStatus = CACHE_STATUS[error === undefined ? source : 'unverified'];
      sendPicture(variant, headers, { ...varies, 'cache-status': cacheStatus }, request, reply);
      return;
    }
    case 'stand-in': {
      const { variant, picture, error } = answer;
      request.outcome = { name: 'stand_in', picture, format: variant.format, error };
      sendStandIn(variant, headers, varies, request, reply);
      return;
    }
    case 'unchanged': {
      const own = { ...varies, 'cache-status': CACHE_STATUS.unchanged };
      request.outcome = { name: 'unchanged', picture: 'avatar' };
      writeReply(reply, 304, { ...own, ...headers.ofUnchanged(answer) });
      return;
    }
    case 'elsewhere': {
      const location = `${redirectBase}${basePath}${grammar.format(answer.request)}`;
      request.outcome = { name: 'redirect' };
      // Everybody is sent to the same place.
      writeReply(reply, 302, headers.ofRedirect(location, answer.because));
    }
  }
}
