/** Some lines of a picture to try things on. */
import type { Pixels } from './survey.ts';

/** Of fewer pixels it cannot be told which way is the smallest. */
const ENOUGH = 80 * 80;
/** And of large ones no fewer than this. In blocks, since what repeats does so from line to line. */
const SHARE = 1 / 8;
const BLOCKS = 4;
/**
 * A larger share saves next to nothing: three ways on that, and one on all of it, are about as much as
 * three on all of it, which cannot choose wrongly.
 */
const MOST = 1 / 2;

/** The picture itself where it is small: up to 113 pixels square. */
export function sampleOf(pixels: Pixels): Pixels {
  const { width, height, channels, data } = pixels;
  const wanted = Math.max(ENOUGH / width, height * SHARE);
  const lines = Math.ceil(wanted / BLOCKS);
  if (BLOCKS * lines > height * MOST) return pixels;
  const lineLength = width * channels;
  const chosen = new Uint8Array(BLOCKS * lines * lineLength);
  for (let block = 0; block < BLOCKS; block += 1) {
    const first = Math.floor(((block + 0.5) * height) / BLOCKS - lines / 2);
    const from = data.subarray(first * lineLength, (first + lines) * lineLength);
    chosen.set(from, block * lines * lineLength);
  }
  return { width, height: BLOCKS * lines, channels, data: chosen };
}
