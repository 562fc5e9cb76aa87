/**
 * The grammar of an avatar's address. Pure, and the only place where anything a client sent is
 * decoded: what comes out can be put into a key, a log line or a header as it is.
 */
import { AvatarError } from '../errors.ts';
import { type Extension, isExtension } from './formats.ts';
import { percentDecoded } from './percent.ts';

/** An avatar as it was asked for; every part has passed the grammar below. */
export type AvatarRequest = {
  /** The forum: several hosts may be one. In every key, so that no two of them ever meet. */
  readonly site: string;
  /** As in the address. */
  readonly host: string;
  /** Decoded; any script; never empty, `.` or `..`; without slashes and control characters. */
  readonly user: string;
  /** Edge of the square in pixels. */
  readonly size: number;
  /** The upload with its version, as in the address: `52330_1`. */
  readonly id: string;
  readonly extension: Extension;
};

/** The part of a request that names a picture in all sizes and formats. */
export type AvatarName = Pick<AvatarRequest, 'host' | 'user' | 'id'>;

/** A well-formed address that cannot be the avatar of anybody. */
export type UnassignableRequest = {
  readonly isUnassignable: true;
  readonly site: string;
  readonly host: string;
  readonly user: string;
  readonly size: number;
  readonly extension: Extension;
};

export const SMALLEST_SIZE = 8;
export const LARGEST_SIZE = 1000;

/** A file name's limit on the usual file systems, and far above any forum's own. */
const LONGEST_USER_BYTES = 255;
const LONGEST_HOST = 253;

// No empty label, so neither `..` nor a leading dot can be spelled.
const HOST = /^[\w-]+(?:\.[\w-]+)*$/;
const SIZE = /^[1-9]\d{0,3}$/;
const FILE = /^(?<id>[A-Za-z0-9][A-Za-z0-9-]{0,63}(?:_\d{1,9})?)\.(?<extension>[a-z]{1,8})$/;
// Slashes would make folders of a name, on any system; controls would forge log lines.
// oxlint-disable-next-line no-control-regex
const FORBIDDEN_IN_USER = /[/\\\u0000-\u001F\u007F-\u009F\u2028\u2029]/;

/**
 * @param path what follows `/user_avatar/` in the request target, still percent-encoded, no query
 * @param keepsMotion otherwise there are no GIFs: every other format is smaller, and as still
 * @throws AvatarError `path_invalid`
 */
export function parseAvatarPath(path: string, keepsMotion = false): AvatarRequest {
  const parts = path.split('/');
  const [host, user, size, file] = parts;
  if (
    parts.length !== 4 ||
    host === undefined ||
    user === undefined ||
    size === undefined ||
    file === undefined
  ) {
    throw invalid('not HOST/USER/SIZE/ID.png');
  }
  const { id, extension } = parseFile(file);
  if (extension === 'gif' && !keepsMotion) throw invalid('file name');
  const site = parseHost(host);
  return {
    site,
    host: site,
    user: parseUser(user),
    size: parseSize(size),
    id,
    extension,
  };
}

/**
 * The same, in texts of its own. A part that was cut out of a longer text keeps all of that alive, 16 kB
 * with a query, in everything that remembers a name.
 */
export function withOwnTexts<Asked extends AvatarRequest | UnassignableRequest>(
  asked: Asked,
): Asked {
  const { site, host, user } = asked;
  const id = 'id' in asked ? { id: ownText(asked.id) } : {};
  return { ...asked, site: ownText(site), host: ownText(host), user: ownText(user), ...id };
}

function ownText(text: string): string {
  return Buffer.from(text).toString();
}

/** The canonical address of an avatar, below the base path: parsing it gives the same request. */
export function formatAvatarPath(request: AvatarRequest): string {
  const user = encodeURIComponent(request.user);
  return `/user_avatar/${request.host}/${user}/${request.size}/${request.id}.${request.extension}`;
}

function parseHost(text: string): string {
  if (text.length > LONGEST_HOST || !HOST.test(text)) throw invalid('host');
  return text.toLowerCase();
}

function parseUser(text: string): string {
  const user = percentDecoded(text);
  if (
    user === '' ||
    user === '.' ||
    user === '..' ||
    Buffer.byteLength(user) > LONGEST_USER_BYTES ||
    FORBIDDEN_IN_USER.test(user) ||
    !user.isWellFormed()
  ) {
    throw invalid('user');
  }
  return user;
}

function parseSize(text: string): number {
  const size = SIZE.test(text) ? Number(text) : 0;
  if (size < SMALLEST_SIZE || size > LARGEST_SIZE) throw invalid('size');
  return size;
}

function parseFile(text: string): { id: string; extension: Extension } {
  const groups = FILE.exec(text)?.groups;
  const id = groups?.['id'];
  const extension = groups?.['extension'];
  if (id === undefined || extension === undefined || !isExtension(extension)) {
    throw invalid('file name');
  }
  return { id, extension };
}

function invalid(part: string): AvatarError {
  return new AvatarError('path_invalid', { detail: `malformed avatar path: ${part}` });
}
