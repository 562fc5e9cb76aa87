/** A picture drawn instead of read: a letter on a colour, or the silhouette of nobody. */
import type { Rgb } from '../letters/letter.ts';
import type { Format } from './formats.ts';

export type LetterRequest = {
  /** One grapheme; empty for the silhouette. */
  readonly letter: string;
  readonly colour: Rgb;
  /** Edge of the square in pixels. */
  readonly size: number;
};

/** Larger ones are given in this size, as by Discourse: it can be shown in any. */
export const LARGEST_DRAWING = 360;

/** The neutral grey behind the silhouette of nobody in particular. */
export const NOBODY: Omit<LetterRequest, 'size'> = { letter: '', colour: [190, 195, 200] };

/** Names the bytes, together with the version of the drawing: cache key and entity tag in one. */
export function letterTag(
  { letter, colour, size }: LetterRequest,
  format: Format,
  version: number,
): string {
  const code = Buffer.from(letter).toString('hex');
  const hex = Buffer.from(colour).toString('hex');
  return `letter${version}-${format}-${size}-${hex}-${code}`;
}
