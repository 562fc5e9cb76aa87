import { AvatarError } from '../errors.ts';

/**
 * A part of an address, decoded.
 * @throws AvatarError `path_invalid`, for a lone percent sign and bytes that are no UTF-8
 */
export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new AvatarError('path_invalid', { detail: 'malformed percent-encoding', cause });
  }
}
