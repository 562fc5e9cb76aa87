/** A forum that runs on Discourse: its addresses, sizes and letters, and how its replies look. */
import type { Vectors } from '../avatar/ports.ts';
import type { FaultCode } from '../errors.ts';
import type { Forum } from '../forum.ts';
import type { ReplyStyle } from '../http/headers.ts';
import { discourseGrammar } from './address.ts';
import { parseLetterPath, parseLetterProxyPath } from './letter-address.ts';
import { createDiscourseLocator, type DiscourseLocatorOptions } from './locator.ts';

type DiscourseOptions = DiscourseLocatorOptions & {
  /** Ascending; or any size; or those the forum asks for. */
  readonly sizes: readonly number[] | 'any' | undefined;
  readonly unlistedSize: 'nearest' | 'reject';
  readonly vectors: Vectors;
};

/** What Discourse sends with every avatar: its year is one of 365.2425 days. */
const STYLE: ReplyStyle = {
  variantCacheControl: 'max-age=31556952, public, immutable',
  extra: { 'access-control-allow-methods': 'GET, HEAD, OPTIONS' },
};

/** Discourse shows its blank image for whatever is wrong with one avatar. */
const STAND_INS = [
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

export function openDiscourse({
  sizes,
  unlistedSize: unlisted,
  vectors,
  ...options
}: DiscourseOptions): Forum {
  const locator = createDiscourseLocator(options);
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
    vectors,
    style: STYLE,
    sharedHostOf: (host) => locator.sharedHostOf(host),
    standInCodes: new Set(STAND_INS),
    letterGrammars: {
      letter_avatar_proxy: parseLetterProxyPath,
      letter_avatar: parseLetterPath,
    },
    close: () => locator.close(),
  };
}
