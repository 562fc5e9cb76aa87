/**
 * Whose addresses are served: a forum's grammar, its sizes, where it keeps originals, and how its
 * replies look. One of two, by `AVATAR_LOCATOR`; joined to the rest in `app.ts`.
 */
import type { FastifyBaseLogger } from 'fastify';
import type { LetterRequest } from './avatar/letter.ts';
import type { AddressGrammar, Locator, Sizes, Vectors } from './avatar/ports.ts';
import { formatAvatarPath, parseAvatarPath } from './avatar/request.ts';
import type { Config } from './config/load.ts';
import type { FaultCode } from './errors.ts';
import { PLAIN_STYLE, type ReplyStyle } from './http/headers.ts';
import { HARMLESS_VECTORS, NO_VECTORS } from './inspect/svg.ts';
import type { LookUpResult, SharedKeyRules } from './locator/discourse/locator.ts';
import { createTemplateLocator } from './locator/template.ts';

export type Forum = {
  readonly grammar: AddressGrammar;
  /** Whether there are no sites but those configured: else anybody can make one up. */
  readonly knowsItsSites: boolean;
  readonly sizes: Sizes;
  readonly locator: Locator;
  readonly vectors: Vectors;
  readonly style: ReplyStyle;
  /** The host whose addresses what is shown is shared under; undefined for none. */
  readonly sharedHostOf: (host: string) => string | undefined;
  /** The failures for which a stand-in is shown, where one is configured. */
  readonly standInCodes: ReadonlySet<FaultCode>;
  /** By the first part of the path, how the rest of a letter's address is read. */
  readonly letterGrammars: Readonly<Record<string, (path: string) => LetterRequest>>;
  close(): Promise<void>;
};

type LookUpCounter = { lookedUp(result: LookUpResult): void };

/** @param counter told of each question to the forum's database */
export async function openForum(
  config: Config,
  logger: FastifyBaseLogger,
  counter?: LookUpCounter,
): Promise<Forum> {
  const { locator } = config;
  return locator.kind === 'template'
    ? openPlain(config, createTemplateLocator(locator.templates))
    : await openDiscourse(config, locator, logger, counter);
}

function openPlain({ hosts, sizes, unlistedSize, keepsMotion }: Config, locator: Locator): Forum {
  const policy = { listed: sizes === 'any' ? undefined : sizes, unlisted: unlistedSize };
  return {
    grammar: {
      parse: (path) => parseAvatarPath(path, keepsMotion),
      format: formatAvatarPath,
    },
    knowsItsSites: hosts !== undefined,
    sizes: { policyOf: () => policy },
    locator,
    vectors: NO_VECTORS,
    style: PLAIN_STYLE,
    sharedHostOf: (host) => host.toLowerCase(),
    standInCodes: new Set(['avatar_missing']),
    letterGrammars: {},
    close: () => Promise.resolve(),
  };
}

/** What Discourse sends with every avatar: its year is one of 365.2425 days. */
const DISCOURSE_STYLE: ReplyStyle = {
  variantCacheControl: 'max-age=31556952, public, immutable',
  extra: { 'access-control-allow-methods': 'GET, HEAD, OPTIONS' },
};

/** Discourse shows its blank image for whatever is wrong with one avatar. */
const DISCOURSE_STAND_INS = [
  'avatar_missing',
  'original_not_an_image',
  'original_unsupported',
  'original_too_large',
  'original_too_many_pixels',
  'original_hostile',
  'original_corrupt',
  'original_quarantined',
  'originals_access_denied',
] as const satisfies readonly FaultCode[];

/** What the configured stores say about where an upload's object is. */
export function discourseKeyRules(
  { originals }: Pick<Config, 'originals'>,
  localPrefix: string,
): SharedKeyRules {
  const buckets = originals.filter((address) => address.kind === 's3');
  return {
    localPrefix,
    storePrefixes: buckets.map(({ prefix }) => prefix),
    buckets: buckets.map(({ bucket }) => bucket),
  };
}

async function openDiscourse(
  config: Config,
  { sites, localPrefix, foundMs, notFoundMs }: Extract<Config['locator'], { kind: 'discourse' }>,
  logger: FastifyBaseLogger,
  counter: LookUpCounter | undefined,
): Promise<Forum> {
  const { sizes, unlistedSize: unlisted } = config;
  // The driver of PostgreSQL comes with it.
  const [{ createDiscourseLocator }, { discourseGrammar }, letters] = await Promise.all([
    import('./locator/discourse/locator.ts'),
    import('./locator/discourse/address.ts'),
    import('./locator/discourse/letter-address.ts'),
  ]);
  const locator = createDiscourseLocator({
    sites,
    ...discourseKeyRules(config, localPrefix),
    positiveMs: foundMs,
    negativeMs: notFoundMs,
    onLookUp: (result) => counter?.lookedUp(result),
    onFault: ({ detail }) => logger.error({ reason: detail }, 'the database is in trouble'),
  });
  return {
    grammar: discourseGrammar((host) => locator.siteOf(host)),
    knowsItsSites: true,
    sizes: {
      policyOf: async ({ host }) => {
        if (sizes === 'any') return { unlisted };
        // While they are not known, every size is one: what instances share is shown, and for the rest
        // the database is needed anyway. From a size that is only guessed, clients would be sent back.
        return { listed: sizes ?? (await locator.sizesOf(host)), unlisted };
      },
    },
    locator,
    vectors: HARMLESS_VECTORS,
    style: DISCOURSE_STYLE,
    sharedHostOf: (host) => locator.sharedHostOf(host),
    standInCodes: new Set(DISCOURSE_STAND_INS),
    letterGrammars: {
      letter_avatar_proxy: letters.parseLetterProxyPath,
      letter_avatar: letters.parseLetterPath,
    },
    close: () => locator.close(),
  };
}
