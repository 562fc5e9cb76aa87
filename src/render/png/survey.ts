/** Finds out in one pass of what kind the pixels of a finished picture are. */
import { Colours } from './colours.ts';

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
  /** Undefined when there are too many. What is transparent has one colour. */
  readonly colours: Colours | undefined;
  /** No two neighbours alike, as in photographs: most pixels differ from the one before. */
  readonly isNoisy: boolean;
};

/** The share of pixels that differ from the one before: in photographs it is nearly all of them. */
const NOISY = 0.7;

/** Drawings have their few colours and the blends on edges; most photographs have more than are counted. */
export function survey(pixels: Pixels): Survey {
  const { data, channels, width, height } = pixels;
  const canBeTransparent = channels % 2 === 0;
  let isGrey = true;
  let isOpaque = true;
  let colours: Colours | undefined = new Colours(width * height);
  let changes = 0;
  let last = -1;
  let run = 0;
  for (let at = 0; at < data.length; at += channels) {
    const colour = colourAt(pixels, at);
    if (colour === last) {
      run += 1;
      continue;
    }
    if (colour >>> 24 !== 255) isOpaque = false;
    if (isGrey && !isLevelOfGrey(colour)) isGrey = false;
    if (run > 0 && colours?.add(last, run) === false) colours = undefined;
    // Nothing is left to be told.
    if (colours === undefined && !isGrey && !(isOpaque && canBeTransparent)) break;
    changes += 1;
    [last, run] = [colour, 1];
  }
  if (run > 0 && colours?.add(last, run) === false) colours = undefined;
  const isNoisy = colours === undefined || changes > NOISY * width * height;
  return { isGrey, isOpaque, colours, isNoisy };
}

function isLevelOfGrey(colour: number): boolean {
  const red = colour & 255;
  return ((colour >>> 8) & 255) === red && ((colour >>> 16) & 255) === red;
}

/** The colour of the pixel that begins there: red, green, blue, alpha, from the lowest byte up. */
function colourAt({ data, channels }: Pixels, at: number): number {
  const alpha = channels % 2 === 0 ? (data[at + channels - 1] ?? 0) : 255;
  if (alpha === 0) return 0;
  const red = data[at] ?? 0;
  const green = channels > 2 ? (data[at + 1] ?? 0) : red;
  const blue = channels > 2 ? (data[at + 2] ?? 0) : red;
  return (red | (green << 8) | (blue << 16) | (alpha << 24)) >>> 0;
}
