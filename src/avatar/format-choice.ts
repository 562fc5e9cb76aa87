/** Which format an address asks for, and which it is given. */
import {
  type AskedFormat,
  type Extension,
  type Format,
  inMotion,
  type NegotiableFormat,
  type OriginalFormat,
  stillFormat,
} from '../vocabulary/formats.ts';

/** Which of the formats it takes a client would have rather than PNG. */
export type Wish = NegotiableFormat | 'none';

/**
 * What an address asks for. Only `.png`, the one that forums write, leaves room for a wish.
 * @param keepsMotion of what moves, in the formats that can; asked for as the original is, it is still
 */
export function askedFormat(
  extension: Extension,
  wish: Wish,
  standard: AskedFormat,
  keepsMotion: boolean,
): AskedFormat {
  const plain = wish === 'none' ? standard : wish;
  const asked = extension === 'png' ? plain : extension;
  return keepsMotion ? inMotion(asked) : asked;
}

/** The format a variant is encoded in. A GIF is kept as PNG: same palette, still, and smaller. */
function keptFormat(original: OriginalFormat): Extension {
  switch (original) {
    case 'jpeg':
      return 'jpg';
    case 'webp':
      return 'webp';
    case 'avif':
      return 'avif';
    case 'png':
    case 'gif':
      return 'png';
  }
}

/** @param canMove whether what moves in the original may go on moving at the size asked for */
export function outputFormat(
  asked: AskedFormat,
  original: OriginalFormat,
  canMove = false,
): Format {
  if (asked === 'original') return keptFormat(original);
  return canMove ? asked : stillFormat(asked);
}
