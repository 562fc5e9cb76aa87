/**
 * How much may move. A decoder draws every frame onto the whole canvas, however little of it changes,
 * and for a WebP it walks from the first frame to each one.
 */
import type { Motion } from '../avatar/ports.ts';
import { wholeBytes } from './memory.ts';
import type { Dimensions, InspectionLimits } from './verdict.ts';

const MOST_FRAMES = 200;
/** The most pixels of all frames and the canvases they are drawn on: three quarters of a second. */
const MOST_PIXELS = 40e6;
/** The canvas, the frame before, the one that is scaled; and all frames scaled, in and out. */
const BYTES_PER_PIXEL = 12;
const SCALED_BYTES = 60e6;

type Frames = {
  readonly count: number;
  readonly canvas: Dimensions;
  /** The pixels of all frames, as they declare them. */
  readonly framePixels: number;
};

/**
 * @param passOn makes the bytes for a decoder that shows all frames
 * @returns undefined when it is to be shown as a still
 */
export function motionOf(
  { count, canvas, framePixels }: Frames,
  limits: InspectionLimits,
  passOn: () => Buffer,
): Motion | undefined {
  const pixels = framePixels + count * canvas.width * canvas.height;
  if (limits.keepsMotion !== true || count < 2) return undefined;
  if (count > MOST_FRAMES || pixels > MOST_PIXELS) return undefined;
  return { bytes: passOn(), decodedBytes: wholeBytes(canvas, BYTES_PER_PIXEL) + SCALED_BYTES };
}
