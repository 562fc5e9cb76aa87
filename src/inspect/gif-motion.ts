/** A GIF whose frames leave some of its canvas bare, while it moves. */
import { framesOf, type GifFrame } from './gif-frames.ts';
import type { Dimensions } from './verdict.ts';

const TRANSPARENT = 0x01;
/** How a frame is taken away again, in the flags of its graphic control: what it covered is bare then. */
const [DISPOSAL, CLEARED] = [0x1c, 2 << 2];
/** No pixel is of this colour where codes begin with fewer bits. */
const NO_COLOUR = 255;
const BITS_OF_ALL_COLOURS = 8;

/**
 * Browsers see through what is bare. The decoder makes it black when no frame declares a colour to be
 * transparent, and of the background's colour where a frame was cleared that did not: so they declare one
 * that they do not have. Those that may have all 256 are left as they are, for which of them is never
 * drawn is not known before they are decoded.
 */
export function seeThrough(bytes: Buffer, canvas: Dimensions): Buffer {
  const frames = [...framesOf(bytes)];
  const able = frames.filter(
    ({ isTransparent, control, codeSize = BITS_OF_ALL_COLOURS }) =>
      !isTransparent && control !== undefined && codeSize < BITS_OF_ALL_COLOURS,
  );
  const cleared = new Set(
    frames.filter((frame, index) => {
      const next = frames[index + 1];
      return isCleared(bytes, frame) && next !== undefined && !hides(next, canvas);
    }),
  );
  const declaring = able.filter((frame) => cleared.has(frame));
  const [first] = frames;
  const isBare = first !== undefined && !covers(first, canvas);
  const isOpaque = declaring.length === 0 && !frames.some(({ isTransparent }) => isTransparent);
  if (isBare && isOpaque) declaring.push(...able.slice(0, 1));
  return declaring.length === 0 ? bytes : declared(bytes, declaring);
}

function isCleared(bytes: Buffer, { control }: GifFrame): boolean {
  return control !== undefined && (bytes.readUInt8(control + 3) & DISPOSAL) === CLEARED;
}

/** Whether nothing of what was there before is seen. */
function hides(frame: GifFrame, canvas: Dimensions): boolean {
  return covers(frame, canvas) && !frame.isTransparent;
}

function covers({ offset, size }: GifFrame, canvas: Dimensions): boolean {
  const isAtCorner = offset.width === 0 && offset.height === 0;
  return isAtCorner && size.width >= canvas.width && size.height >= canvas.height;
}

function declared(bytes: Buffer, frames: readonly GifFrame[]): Buffer {
  const copy = Buffer.from(bytes);
  for (const { control } of frames) {
    if (control === undefined) continue;
    copy.writeUInt8(copy.readUInt8(control + 3) | TRANSPARENT, control + 3);
    copy.writeUInt8(NO_COLOUR, control + 6);
  }
  return copy;
}
