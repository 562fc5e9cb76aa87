/** The addresses of letter avatars in Discourse: two routes, one meaning. Pure. */
import { AvatarError } from '../errors.ts';
import { LARGEST_DRAWING, type LetterRequest } from '../vocabulary/letter.ts';
import { percentDecoded } from '../vocabulary/percent.ts';
import { SMALLEST_SIZE } from '../vocabulary/request.ts';
import { colourOf, letterOf, rgbOf } from './letter-rules.ts';
import { canonicalUser } from './username.ts';

const BY_LETTER =
  /^v[1-4]\/letter\/(?<letter>[^/?]+)\/(?<colour>[0-9a-fA-F]{6})\/(?<size>\d+)\.png$/;
const BY_USER = /^(?<user>[^/?]+)\/(?<size>\d+)\/[^/?]+\.png$/;

/**
 * @param path after `/letter_avatar_proxy/`: `v4/letter/a/aaaaaa/360.png`
 * @throws AvatarError `path_invalid`
 */
export function parseLetterProxyPath(path: string): LetterRequest {
  const { letter, colour, size } = BY_LETTER.exec(path)?.groups ?? {};
  const rgb = rgbOf(colour ?? '');
  if (letter === undefined || size === undefined || rgb === undefined) throw invalid();
  return { letter: letterOf(percentDecoded(letter)), colour: rgb, size: letterSize(size) };
}

/**
 * @param path after `/letter_avatar/`: `bob/48/5_0123abcd.png`. The version is the digest of another
 * program's version and fonts; whatever it is, the letter drawn here is the one there is.
 * @throws AvatarError `path_invalid`
 */
export function parseLetterPath(path: string): LetterRequest {
  const { user: encoded, size } = BY_USER.exec(path)?.groups ?? {};
  if (encoded === undefined || size === undefined) throw invalid();
  const user = canonicalUser(percentDecoded(encoded));
  return { letter: letterOf(user), colour: colourOf(user), size: letterSize(size) };
}

function letterSize(digits: string): number {
  const size = Number(digits);
  if (size < SMALLEST_SIZE) throw invalid();
  return Math.min(size, LARGEST_DRAWING);
}

function invalid(): AvatarError {
  return new AvatarError('path_invalid', { detail: 'not the address of a letter avatar' });
}
