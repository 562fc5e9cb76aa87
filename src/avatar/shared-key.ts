import { type AskedFormat, type Extension, stillFormat } from '../vocabulary/formats.ts';
import { hasPlainSegments } from '../vocabulary/keys.ts';

/** S3 allows 1024 bytes; the rest is for the prefix. */
const LONGEST_KEY_BYTES = 900;

/**
 * The key that instances share a variant under: the path of its own address, decoded as S3 decodes a
 * request's path, so that a CDN that is given the bucket as an origin finds it there. One variant, one
 * key: `.png` has what a `.png` address gives when nothing else is negotiated, whatever format that is;
 * every other format is under its own extension.
 *
 * A name with a space is kept where no address leads. S3 takes a bare `+` in a path for a space, and
 * would show `a+b` the face of `a b`.
 * @param address canonical, percent-encoded, from `/user_avatar/` on
 * @param plain the format a `.png` address gives
 * @returns undefined for what has no key that every server and proxy reads alike
 */
export function sharedKey(
  address: string,
  format: AskedFormat,
  plain: AskedFormat,
): string | undefined {
  const extension = extensionOf(format, plain);
  if (extension === undefined) return undefined;
  const path = `${address.slice(1, address.lastIndexOf('.'))}.${extension}`;
  const key = decodeURIComponent(path);
  if (Buffer.byteLength(path) > LONGEST_KEY_BYTES || !hasPlainSegments(key)) return undefined;
  return key.includes(' ') ? `encoded/${path}` : key;
}

function extensionOf(format: AskedFormat, plain: AskedFormat): Extension | undefined {
  if (format === plain) return 'png';
  return format === 'png' || format === 'original' ? undefined : stillFormat(format);
}
