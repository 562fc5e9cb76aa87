/** A picture drawn instead of read: a letter on a colour, or the silhouette of nobody. */

/** Red, green, blue; 0–255 each. */
export type Rgb = readonly [red: number, green: number, blue: number];

export type LetterRequest = {
  /** One grapheme cluster; empty for the silhouette. */
  readonly letter: string;
  readonly colour: Rgb;
  /** Edge of the square in pixels. */
  readonly size: number;
};

/** Larger ones are given in this size, as by Discourse: it can be shown in any. */
export const LARGEST_DRAWING = 360;
