/**
 * How much memory decoding holds, per format, beyond what a renderer always holds. The constants were
 * fitted to peak resident sizes of sharp 0.35 on noise and flat pictures of 4 to 50 megapixels,
 * square and 12:1 either way; they err upwards, since the sum of them is a budget.
 */
import type { Dimensions } from './verdict.ts';

/**
 * How much all renderers together may hold decoded; a picture that takes more is refused. Pixels alone do
 * not tell: 50 megapixels take 40 MB as a plain PNG, and 520 MB as one of 16 bits, interlaced. Camera
 * pictures of 48 megapixels take up to 180 MB.
 */
export const DECODED_BYTES = 256e6;

/** Lines the resampler keeps of a picture that arrives line by line, in two stages. */
const LINES_HELD = 1024;
const STAGES = 2;

/** The memory of a picture that is decoded line by line while it is scaled down. */
export function streamedBytes({ width, height }: Dimensions, bytesPerPixel: number): number {
  return STAGES * width * bytesPerPixel * Math.min(height, LINES_HELD);
}

/** The memory of a picture whose decoder needs all of it before the first line can leave. */
export function wholeBytes({ width, height }: Dimensions, bytesPerPixel: number): number {
  return width * height * bytesPerPixel;
}
