/**
 * GIF89a. Where only the first frame is shown, only it is passed on: a decoder indexes every frame
 * before it draws one, and most animated avatars shrink to a fraction of their bytes.
 */
import type { InspectedOriginal } from '../avatar/ports.ts';
import {
  EXTENSION,
  framesOf,
  type GifFrame,
  GRAPHIC_CONTROL,
  HEADER_LENGTH,
  IMAGE,
  readDimensions,
} from './gif-frames.ts';
import { seeThrough } from './gif-motion.ts';
import { streamedBytes, wholeBytes } from './memory.ts';
import { motionOf } from './motion.ts';
import { corrupt, type Dimensions, type InspectionLimits, requireDimensions } from './verdict.ts';

const TRAILER = Buffer.from([0x3b]);
const BYTES_PER_PIXEL = 4;

const MONITORS = new Set(['640×480', '800×600', '1024×768', '1280×1024', '1600×1200']);
const LARGEST_MONITOR = 2048;

/**
 * Browsers see through what the first frame leaves bare of its canvas; the decoder makes it black unless
 * some frame declares a colour to be transparent. This one does, a frame of one pixel that is never drawn.
 */
const SEE_THROUGH = Buffer.concat([
  Buffer.from([EXTENSION, GRAPHIC_CONTROL, 4, 0x01, 0, 0, 0, 0]),
  Buffer.from([IMAGE, 0, 0, 0, 0, 1, 0, 1, 0, 0]),
  Buffer.from([2, 2, 0x44, 0x01, 0]),
]);

type Frames = {
  readonly count: number;
  /** The pixels of all frames, as they declare them. */
  readonly framePixels: number;
  /** How far the first frame is from the upper left corner of the screen. */
  readonly offset: Dimensions;
  /** How far it reaches from there. */
  readonly reach: Dimensions;
  /** Where the first frame ends; undefined when it is cut off. */
  readonly firstEnd: number | undefined;
};

/** @throws AvatarError `original_corrupt`, `original_too_many_pixels` */
export function inspectGif(bytes: Buffer, limits: InspectionLimits): InspectedOriginal {
  if (bytes.length < HEADER_LENGTH) throw corrupt('GIF: ends within its header');
  const screen = readDimensions(bytes, 6);
  const { count, framePixels, offset, reach, firstEnd } = readFrames(bytes);
  // Held to the limit before the quirk below, so that this does not depend on it.
  requireDimensions('GIF', union(screen, reach), limits.maxPixels);
  const canvas = isImplausible(screen) ? reach : union(screen, reach);
  requireDimensions('GIF frame', canvas, limits.maxPixels);
  const isBare = offset.width > 0 || offset.height > 0 || area(reach) < area(canvas);
  const behind = isBare ? [SEE_THROUGH, TRAILER] : [TRAILER];
  return {
    bytes:
      (count > 1 || isBare) && firstEnd !== undefined
        ? Buffer.concat([bytes.subarray(0, firstEnd), ...behind])
        : bytes,
    format: 'gif',
    width: canvas.width,
    height: canvas.height,
    frames: count,
    decodedBytes: wholeBytes(canvas, BYTES_PER_PIXEL) + streamedBytes(canvas, BYTES_PER_PIXEL),
    motion: motionOf({ count, canvas, framePixels }, limits, () => seeThrough(bytes, canvas)),
  };
}

/** The first frame may stretch the screen, and screens of 0×0 exist that leave all of it to it. */
function union(a: Dimensions, b: Dimensions): Dimensions {
  return { width: Math.max(a.width, b.width), height: Math.max(a.height, b.height) };
}

function area({ width, height }: Dimensions): number {
  return width * height;
}

/**
 * Old programs wrote the size of their monitor. The decoder (libnsgif) goes by the first frame when
 * it sees one of these, or a size beyond all monitors of the time.
 */
function isImplausible({ width, height }: Dimensions): boolean {
  return (
    width === 0 ||
    height === 0 ||
    width > LARGEST_MONITOR ||
    height > LARGEST_MONITOR ||
    MONITORS.has(`${width}×${height}`)
  );
}

/** @throws AvatarError `original_corrupt`, `original_hostile` */
function readFrames(bytes: Buffer): Frames {
  let count = 0;
  let framePixels = 0;
  let first: GifFrame | undefined;
  for (const frame of framesOf(bytes)) {
    first ??= frame;
    count += 1;
    framePixels += area(frame.size);
  }
  if (first === undefined) throw corrupt('GIF: holds no frame');
  return {
    count,
    framePixels,
    offset: first.offset,
    reach: sum(first.offset, first.size),
    firstEnd: first.end <= bytes.length ? first.end : undefined,
  };
}

function sum(a: Dimensions, b: Dimensions): Dimensions {
  return { width: a.width + b.width, height: a.height + b.height };
}
