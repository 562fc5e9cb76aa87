/** Some lines of a picture to try things on. */
import type { Pixels } from './survey.ts';

/** Up to 96 pixels square everything can be tried on the whole picture. */
const WHOLE = 96 * 96;
/** Of larger ones: a share of the lines, in blocks, since what repeats does so from line to line. */
const SHARE = 1 / 8;
const BLOCKS = 4;

/** The picture itself where it is small. */
export function sampleOf(pixels: Pixels): Pixels {
  const { width, height, channels, data } = pixels;
  const wanted = Math.max(WHOLE / width, height * SHARE);
  const lines = Math.ceil(wanted / BLOCKS);
  if (BLOCKS * lines >= height) return pixels;
  const lineLength = width * channels;
  const chosen = new Uint8Array(BLOCKS * lines * lineLength);
  for (let block = 0; block < BLOCKS; block += 1) {
    const first = Math.floor(((block + 0.5) * height) / BLOCKS - lines / 2);
    const from = data.subarray(first * lineLength, (first + lines) * lineLength);
    chosen.set(from, block * lines * lineLength);
  }
  return { width, height: BLOCKS * lines, channels, data: chosen };
}
