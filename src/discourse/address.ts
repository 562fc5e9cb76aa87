/**
 * Avatar addresses as Discourse reads them: its routes' constraints decide what is an address at all
 * (else 404), and what passes them but can be nobody's (a size out of range, a version of the future,
 * an upload that is no number) is answered like a missing avatar. Pure.
 */
import type { AddressGrammar } from '../avatar/ports.ts';
import { AvatarError } from '../errors.ts';
import { percentDecoded } from '../vocabulary/percent.ts';
import {
  type AvatarRequest,
  LARGEST_SIZE,
  type UnassignableRequest,
  SMALLEST_SIZE,
} from '../vocabulary/request.ts';
import { canBeAUsername, canonicalUser } from './username.ts';
import { formatVersion, parseVersion } from './version.ts';

// Of any length, as long as a request may be: whatever is done with it takes a time that grows with it only.
const ADDRESS = /^(?<host>[\w.-]+)\/(?<user>[%\w.-]+)\/(?<size>\d+)\/(?<version>[^/.?]+)\.png$/;
const EXTENSION = 'png';

/** @param siteOf the name of the site that serves a host */
export function discourseGrammar(siteOf: (host: string) => string): AddressGrammar {
  return {
    parse(path): AvatarRequest | UnassignableRequest {
      const { host, user: encoded, size: digits, version } = ADDRESS.exec(path)?.groups ?? {};
      if (
        host === undefined ||
        encoded === undefined ||
        digits === undefined ||
        version === undefined
      ) {
        throw new AvatarError('path_invalid', { detail: 'not an avatar address of Discourse' });
      }
      const site = siteOf(host);
      const user = canonicalUser(percentDecoded(encoded));
      const { upload, valid } = parseVersion(percentDecoded(version));
      const size = Number(digits);
      if (!valid || size < SMALLEST_SIZE || size > LARGEST_SIZE || !canBeAUsername(user)) {
        return {
          isUnassignable: true,
          site,
          host,
          user,
          size: drawable(size),
          extension: EXTENSION,
        };
      }
      return { site, host, user, size, id: formatVersion(upload), extension: EXTENSION };
    },

    format({ host, user, size, id }) {
      return `/user_avatar/${host}/${percentEncoded(user)}/${size}/${id}.png`;
    },
  };
}

/** With nothing but what the grammar takes in a name. */
function percentEncoded(user: string): string {
  return encodeURIComponent(user).replace(
    /[!'()*~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function drawable(size: number): number {
  return Math.min(LARGEST_SIZE, Math.max(SMALLEST_SIZE, size));
}
