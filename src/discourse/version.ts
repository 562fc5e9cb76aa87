/**
 * Discourse's `:version` segment: `52330_2` is upload 52330, resized by the second of Discourse's
 * thumbnail algorithms; of those there have been, it makes no difference which is named. Everything a
 * forum ever emitted must be read as Ruby reads it, because old posts keep old addresses for ever. Pure.
 */

/** `OptimizedImage::VERSION`: what Discourse puts behind the upload in every address it emits. */
const THUMBNAIL_VERSION = 2;

/** What an `integer` column of PostgreSQL holds; above it an upload can be nobody's. */
export const LARGEST_UPLOAD = 2 ** 31 - 1;

export type Version = {
  /** May be negative or 0, and is at most `Number.MAX_SAFE_INTEGER`, however long the number was. */
  readonly upload: number;
  /** False: no forum has such an avatar, whoever the user is; the directory need not be asked. */
  readonly valid: boolean;
};

/** @param text the segment, percent-decoded; anything is accepted, as by Discourse */
export function parseVersion(text: string): Version {
  const [first = '', version = ''] = text.split('_');
  const upload = rubyInteger(first);
  return { upload, valid: upload > 0 && rubyInteger(version) <= THUMBNAIL_VERSION };
}

/** The address of an upload as Discourse emits it, for redirects. */
export function formatVersion(upload: number): string {
  return `${upload}_${THUMBNAIL_VERSION}`;
}

/**
 * Ruby's `String#to_i`: white space, a sign, digits, and whatever follows them is ignored; no digits
 * are 0. (Underscores between digits, which Ruby allows, never get here: they separate the parts.)
 */
function rubyInteger(text: string): number {
  const match = /^[ \t\n\v\f\r]*(?<sign>[+-]?)0*(?<digits>\d*)/.exec(text);
  const digits = match?.groups?.['digits'] ?? '';
  if (digits === '') return 0;
  // 15 digits are exact in a number; beyond, only "too large" matters, and converting a segment of
  // many thousand digits would be work an attacker gets for free.
  const magnitude = digits.length > 15 ? Number.MAX_SAFE_INTEGER : Number(digits);
  return match?.groups?.['sign'] === '-' ? -magnitude : magnitude;
}
