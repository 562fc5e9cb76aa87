/** The gallery: one user's avatar in every size and format, and how each came about. */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import type { Answer } from '../avatar/answer.ts';
import type { Pipeline } from '../avatar/pipeline.ts';
import type { AddressGrammar, Sizes } from '../avatar/ports.ts';
import { millisecondsOf, type Stages } from '../avatar/stages.ts';
import { AvatarError } from '../errors.ts';
import type { Extension } from '../vocabulary/formats.ts';
import type { AvatarRequest, UnassignableRequest } from '../vocabulary/request.ts';
import type { RequestCounter } from './access-log.ts';
import { clientOf } from './client.ts';
import { CACHE_STATUS, type PictureHeaders } from './headers.ts';
import type { Outcome } from './outcome.ts';
import { disconnectionOf } from './pictures.ts';
import { problemDocument } from './problems.ts';

export type GalleryOptions = {
  readonly pipeline: Pipeline;
  readonly grammar: AddressGrammar;
  readonly sizes: Sizes;
  readonly headers: PictureHeaders;
  /** What is looked at here is counted as what is asked for elsewhere. */
  readonly counter: Pick<RequestCounter, 'replied'>;
  /** What the form is filled in with at first. */
  readonly example: Example;
};

export type Example = { readonly host: string; readonly user: string; readonly id: string };

const FOLDER = new URL('./gallery/', import.meta.url);
const FILES = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/shown.js': ['shown.js', 'text/javascript; charset=utf-8'],
  '/charts.js': ['charts.js', 'text/javascript; charset=utf-8'],
  '/exposition.js': ['exposition.js', 'text/javascript; charset=utf-8'],
} as const;

/** Where avatars are for all, and for a year, those shown here are for this page alone. */
const NOBODY_ELSES = {
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
} as const;
const PROBLEM = 'application/problem+json';

/** Where any size is served, these are shown. */
const USUAL_SIZES = [24, 32, 48, 72, 96, 144, 288];

/** What can be compared side by side: pictures that stand still. */
const SHOWN = ['png', 'jpg', 'webp', 'avif'] as const satisfies readonly Extension[];

type Query = Readonly<Partial<Record<'host' | 'user' | 'id' | 'size' | 'format', string>>>;

export const galleryRoutes: FastifyPluginCallback<GalleryOptions> = (app, options, done) => {
  const { grammar, sizes, example } = options;
  app.addHook('onRequest', (request, reply, next) => {
    const detail = trespass(request);
    if (detail === undefined) next();
    else
      void reply
        .code(403)
        .type(PROBLEM)
        .send(problemDocument(403, detail, 'forbidden'));
  });

  for (const [path, [file, type]] of Object.entries(FILES)) {
    app.get(path, async (_request, reply) =>
      reply.type(type).send(await readFile(new URL(file, FOLDER))),
    );
  }

  // Browsers ask for one unasked.
  app.get('/favicon.ico', (_request, reply) => reply.code(204).send());

  app.get<{ Querystring: Query }>('/gallery.json', async ({ query }) => {
    const formats = SHOWN;
    if (query.user === undefined) return { example, formats, sizes: [] };
    const asked = addressed(grammar, { ...query, size: '48' });
    const policy = 'isUnassignable' in asked ? undefined : await sizes.policyOf(asked);
    return { example, formats, sizes: policy?.listed ?? USUAL_SIZES };
  });

  app.get<{ Querystring: Query }>('/picture', async (request, reply) => {
    const { query } = request;
    const asked = { ...addressed(grammar, query), extension: formatOf(query.format) };
    const startedAt = performance.now();
    const stages: Stages[] = [];
    const answer = await options.pipeline.answer(asked, {
      client: clientOf(request),
      tags: [],
      wish: 'none',
      disconnected: () => disconnectionOf(reply),
      watch: (begun) => stages.push(begun),
    });
    const ms = performance.now() - startedAt;
    count(answer, ms, options.counter);
    void reply.header('server-timing', timing(ms, stages));
    return await send(answer, asked.extension, options.headers, reply);
  });
  done();
};

/**
 * Why this request is not answered: it was made by a page from elsewhere in an operator's browser, as
 * itself, or (DNS rebinding) under a name that its owner has pointed here.
 */
function trespass({ headers }: FastifyRequest): string | undefined {
  const site = headers['sec-fetch-site'];
  const isNavigation = headers['sec-fetch-mode'] === 'navigate';
  const isForeign = site === 'cross-site' || site === 'same-site';
  if (isForeign && !isNavigation) return 'asked for by another site';
  if (isOwnName(headers.host ?? '')) return undefined;
  return 'ask by IP address, as localhost, or by a name without dots';
}

/** Names nobody can buy. */
function isOwnName(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(?<address>.+)\]$/, '$<address>');
  return isIP(name) !== 0 || /^[\w-]+(?:\.localhost)?$/.test(name);
}

/** @throws AvatarError `path_invalid` */
function addressed(grammar: AddressGrammar, query: Query): AvatarRequest | UnassignableRequest {
  const { host = '', user = '', size = '', id = '' } = query;
  return grammar.parse([host, user, size, `${id}.png`].map(encodeURIComponent).join('/'));
}

function formatOf(format = 'png'): Extension {
  const shown = SHOWN.find((each) => each === format);
  if (shown !== undefined) return shown;
  throw new AvatarError('path_invalid', { detail: `no format: ${JSON.stringify(format)}` });
}

/** Server-Timing, as browsers' own tools show it too. */
function timing(totalMs: number, stages: readonly Stages[]): string {
  const all = [...Object.entries(millisecondsOf(stages)), ['total', Math.round(totalMs * 10) / 10]];
  return all.map(([stage, ms]) => `${stage};dur=${ms}`).join(', ');
}

function count(answer: Answer, ms: number, counter: GalleryOptions['counter']): void {
  if (answer.kind !== 'variant' && answer.kind !== 'stand-in') return;
  const { kind, source, variant } = answer;
  const { format, bytes } = variant;
  const outcome: Outcome =
    kind === 'variant'
      ? { name: source, picture: 'avatar', format }
      : { name: 'stand_in', picture: answer.picture, format, error: answer.error };
  counter.replied({ outcome, status: 200, seconds: ms / 1000, bytes: bytes.byteLength });
}

async function send(
  answer: Answer,
  format: Extension,
  headers: PictureHeaders,
  reply: FastifyReply,
): Promise<FastifyReply> {
  switch (answer.kind) {
    case 'variant':
    case 'stand-in': {
      const { kind, source, variant } = answer;
      if (kind === 'stand-in') void reply.header('stand-in', answer.error.code);
      const { 'access-control-allow-origin': _all, ...shown } = headers.ofVariant(variant);
      return await reply
        .headers({ ...shown, ...NOBODY_ELSES })
        .header('cache-status', CACHE_STATUS[source])
        .send(variant.bytes);
    }
    case 'elsewhere': {
      const { host, user, id, size } = answer.request;
      const query = new URLSearchParams({ host, user, id, size: String(size), format });
      return await reply.redirect(`/picture?${query.toString()}`);
    }
    case 'unchanged':
      throw new AvatarError('internal', { detail: 'no copy was held' });
  }
}
