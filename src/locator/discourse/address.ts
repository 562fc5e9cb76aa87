/**
 * Avatar addresses as Discourse reads them: its routes' constraints decide what is an address at all
 * (else 404), and what passes them but can be nobody's (a size out of range, a version of the future,
 * an upload that is no number) is answered like a missing avatar. Pure.
 */
import { type AddressGrammar } from '../../avatar/ports.ts';
import {
  type AvatarRequest,
  LARGEST_SIZE,
  type NobodysRequest,
  SMALLEST_SIZE,
} from '../../avatar/request.ts';
import { AvatarError } from '../../errors.ts';
import { canBeAUsername, canonicalUser } from './username.ts';
import { formatVersion, parseVersion } from './version.ts';

const ADDRESS =
  /^(?<host>[\w.-]+)\/(?<user>[%\w.-]+)\/(?<size>\d+)\/(?<version>[^/.?]+)\.(?<extension>\w+)$/;
/** Longer than any host, user name, number and version together. */
const LONGEST_PATH = 2048;

/** @param siteOf the name of the site that serves a host */
export function discourseGrammar(siteOf: (host: string) => string): AddressGrammar {
  return {
    parse(path): AvatarRequest | NobodysRequest {
      const parts = path.length > LONGEST_PATH ? undefined : ADDRESS.exec(path)?.groups;
      const { host, user: encoded, size: digits, version, extension } = parts ?? {};
      if (
        host === undefined ||
        encoded === undefined ||
        digits === undefined ||
        version === undefined ||
        extension !== 'png'
      ) {
        throw new AvatarError('path_invalid', { detail: 'not an avatar address of Discourse' });
      }
      const site = siteOf(host);
      const user = canonicalUser(decoded(encoded));
      const { upload, valid } = parseVersion(decoded(version));
      const size = digits.length > 4 ? Infinity : Number(digits);
      if (!valid || size < SMALLEST_SIZE || size > LARGEST_SIZE || !canBeAUsername(user)) {
        return { nobodys: true, site, host, user, size: drawable(size), extension };
      }
      return { site, host, user, size, id: formatVersion(upload), extension };
    },

    format({ host, user, size, id }) {
      return `/user_avatar/${host}/${encodeURIComponent(user)}/${size}/${id}.png`;
    },
  };
}

/** What is no UTF-8 is nobody's name and no number. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function drawable(size: number): number {
  return Math.min(LARGEST_SIZE, Math.max(SMALLEST_SIZE, size));
}
