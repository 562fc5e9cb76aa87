/** What the pixels of a finished picture are, told in one pass. */

export type Channels = 1 | 2 | 3 | 4;

/** Grey, grey with alpha, RGB or RGB with alpha, 8 bits each, alpha not premultiplied. */
export type Pixels = {
  readonly width: number;
  readonly height: number;
  readonly channels: Channels;
  readonly data: Uint8Array;
};

export type Survey = {
  readonly isGrey: boolean;
  readonly isOpaque: boolean;
  /**
   * Every colour with how many pixels have it; undefined when there are more than `MOST_COLOURS`.
   * What is transparent has one colour.
   */
  readonly colours: ReadonlyMap<number, number> | undefined;
  /** No two neighbours alike, as in photographs: most pixels differ from the one before. */
  readonly isNoisy: boolean;
};

/** The share of pixels that differ from the one before: in photographs it is nearly all of them. */
const NOISY = 0.7;

/** Drawings have their few colours and the blends on edges; photographs from 48 pixels on have more. */
export const MOST_COLOURS = 1024;

export function survey(pixels: Pixels): Survey {
  const { data, channels } = pixels;
  const hasAlpha = channels % 2 === 0;
  const hasColour = channels > 2;
  let isGrey = true;
  let isOpaque = true;
  let colours: Map<number, number> | undefined = new Map<number, number>();
  let changes = 0;
  let last = -1;
  let run = 0;
  for (let at = 0; at < data.length; at += channels) {
    if (hasAlpha && data[at + channels - 1] !== 255) isOpaque = false;
    if (hasColour && (data[at] !== data[at + 1] || data[at] !== data[at + 2])) isGrey = false;
    if (colours === undefined) continue;
    const colour = colourAt(pixels, at);
    if (colour === last) {
      run += 1;
      continue;
    }
    if (run > 0) colours.set(last, (colours.get(last) ?? 0) + run);
    changes += 1;
    [last, run] = [colour, 1];
    if (colours.size > MOST_COLOURS) colours = undefined;
  }
  colours?.set(last, (colours.get(last) ?? 0) + run);
  const isNoisy = colours === undefined || changes > NOISY * pixels.width * pixels.height;
  return { isGrey, isOpaque, colours, isNoisy };
}

/** Of the pixel that begins there: red, green, blue and alpha, from the lowest byte up. */
export function colourAt({ data, channels }: Pixels, at: number): number {
  const alpha = channels % 2 === 0 ? (data[at + channels - 1] ?? 0) : 255;
  if (alpha === 0) return 0;
  const red = data[at] ?? 0;
  const green = channels > 2 ? (data[at + 1] ?? 0) : red;
  const blue = channels > 2 ? (data[at + 2] ?? 0) : red;
  return (red | (green << 8) | (blue << 16) | (alpha << 24)) >>> 0;
}
