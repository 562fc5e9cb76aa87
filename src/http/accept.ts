/**
 * The Accept header (RFC 9110, section 12.5.1), read for a single question: would this client have
 * AVIF or WebP rather than PNG? Pure.
 */
import type { Wish } from '../avatar/format-choice.ts';
import { mediaType, type NegotiableFormat } from '../vocabulary/formats.ts';

/**
 * Three times what the most talkative clients send. What is longer says nothing: reading it would be
 * work for nobody's picture.
 */
export const LONGEST_ACCEPT = 1000;

/**
 * The ranges that could matter, each between two commas. Those with parameters are of something more
 * special than there is here, and a weight that is none (`q=9`, `q=high`) leaves nothing to go by: such
 * ranges count as not said. `q=.5`, without the zero it should have, is what Java sends.
 */
const RANGE =
  /(?<=^|,)[ \t]*(?<type>image\/(?:avif|webp|png|\*)|\*\/\*)[ \t]*(?:;[ \t]*q=(?<weight>[01](?:\.\d*)?|\.\d+)[ \t]*)?(?=,|$)/gi;

/**
 * A format must be named, because wildcards are sent by those who can read neither as well. What is
 * named is given when it is liked no less than PNG; of several the one liked best, then the one offered
 * first.
 */
export function preferredFormat(
  accept: string | undefined,
  offered: readonly NegotiableFormat[],
): Wish {
  // Nothing in quotes is meant for pictures, and without quotes each comma ends a range.
  if (accept === undefined || accept.length > LONGEST_ACCEPT || accept.includes('"')) return 'none';
  const weights = weightsIn(accept);
  const ofPng = weights.get('image/png') ?? weights.get('image/*') ?? weights.get('*/*') ?? 0;
  const weightOf = (format: NegotiableFormat): number => weights.get(mediaType(format)) ?? 0;
  const [best] = offered
    .filter((format) => weightOf(format) > 0 && weightOf(format) >= ofPng)
    .toSorted((one, other) => weightOf(other) - weightOf(one));
  return best ?? 'none';
}

/** Of what is said twice the lesser counts, so that a refusal always does. */
function weightsIn(accept: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const { groups } of accept.matchAll(RANGE)) {
    const type = groups?.['type']?.toLowerCase() ?? '';
    const weight = Number(groups?.['weight'] ?? 1);
    if (weight <= 1) weights.set(type, Math.min(weight, weights.get(type) ?? 1));
  }
  return weights;
}
