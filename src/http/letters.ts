/** Letter avatars at Discourse's own addresses. */
import type { FastifyPluginCallback } from 'fastify';
import type { Letters } from '../avatar/letters.ts';
import type { LetterRequest } from '../vocabulary/letter.ts';
import { clientOf } from './client.ts';
import { watchOver } from './access-log.ts';
import { CACHE_STATUS, type PictureHeaders } from './headers.ts';
import type { HitPath } from './hits.ts';
import { disconnectionOf, pathAfter, sendPicture } from './pictures.ts';

type LetterRoutesOptions = {
  readonly letters: Letters;
  readonly headers: PictureHeaders;
  readonly hits: HitPath;
  readonly basePath: string;
  /** How the path after each prefix is read. */
  readonly grammars: Readonly<Record<string, (path: string) => LetterRequest>>;
};

/** All letters compete with each other as one site: they are the same for all. */
const SITE = 'letters';

export const letterRoutes: FastifyPluginCallback<LetterRoutesOptions> = (app, options, done) => {
  const { letters, headers, hits, basePath, grammars } = options;
  for (const [name, parse] of Object.entries(grammars)) {
    const prefix = `${basePath}/${name}/`;
    app.get(`${prefix}*`, async (request, reply) => {
      const letter = parse(pathAfter(prefix, request));
      const turn = { site: SITE, client: clientOf(request) };
      const { variant, key, source } = await letters.answer(letter, 'png', turn, {
        disconnected: () => disconnectionOf(reply),
        watch: watchOver(request),
      });
      request.outcome = { name: source, picture: 'letter', format: variant.format };
      hits.remember(request.raw.url ?? '', { key, picture: 'letter' });
      const own = { 'cache-status': CACHE_STATUS[source] };
      sendPicture(variant, headers, own, request, reply);
      return reply;
    });
  }
  done();
};
