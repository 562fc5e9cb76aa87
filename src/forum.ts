/**
 * Whose addresses are served: a forum's grammar, its sizes, where it keeps originals, and how its
 * replies look. One of two, by `AVATAR_LOCATOR`; joined to the rest in `app.ts`.
 */
import type { FastifyBaseLogger } from 'fastify';
import type { AddressGrammar, Locator, Sizes, Vectors } from './avatar/ports.ts';
import type { Config } from './config/load.ts';
import type { LookUpResult, CommonKeyRules } from './discourse/locator.ts';
import type { FaultCode } from './errors.ts';
import { PLAIN_STYLE, type ReplyStyle } from './http/headers.ts';
import { HARMLESS_VECTORS, NO_VECTORS } from './inspect/svg.ts';
import { createTemplateLocator } from './locator/template.ts';
import type { LetterRequest } from './vocabulary/letter.ts';
import { formatAvatarPath, parseAvatarPath } from './vocabulary/request.ts';

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
  if (locator.kind === 'template') {
    return openPlain(config, createTemplateLocator(locator.templates));
  }
  const { sites, localPrefix, foundMs, notFoundMs } = locator;
  const { sizes, unlistedSize } = config;
  // With it comes all that only Discourse's forums need.
  const { openDiscourse } = await import('./discourse/forum.ts');
  return openDiscourse({
    sites,
    ...discourseKeyRules(config, localPrefix),
    sizes,
    unlistedSize,
    vectors: vectorsFor(locator),
    positiveMs: foundMs,
    negativeMs: notFoundMs,
    onLookUp: (result) => counter?.lookedUp(result),
    onFault: ({ detail }) => logger.error({ reason: detail }, 'the database is in trouble'),
  });
}

/** With Discourse harmless SVG is passed on; elsewhere SVG is refused. */
export function vectorsFor({ kind }: Pick<Config['locator'], 'kind'>): Vectors {
  return kind === 'discourse' ? HARMLESS_VECTORS : NO_VECTORS;
}

function openPlain(config: Config, locator: Locator): Forum {
  const { hosts, sizes, unlistedSize, keepsMotion } = config;
  const policy = { listed: sizes === 'any' ? undefined : sizes, unlisted: unlistedSize };
  return {
    grammar: {
      parse: (path) => parseAvatarPath(path, keepsMotion),
      format: formatAvatarPath,
    },
    knowsItsSites: hosts !== undefined,
    sizes: { policyOf: () => policy },
    locator,
    vectors: vectorsFor(config.locator),
    style: PLAIN_STYLE,
    sharedHostOf: (host) => host.toLowerCase(),
    standInCodes: new Set(['avatar_missing']),
    letterGrammars: {},
    close: () => Promise.resolve(),
  };
}

/** What the configured stores say about where an upload's object is. */
export function discourseKeyRules(
  { originals }: Pick<Config, 'originals'>,
  localPrefix: string,
): CommonKeyRules {
  const buckets = originals.filter((address) => address.kind === 's3');
  return {
    localPrefix,
    storePrefixes: buckets.map(({ prefix }) => prefix),
    buckets: buckets.map(({ bucket }) => bucket),
  };
}
