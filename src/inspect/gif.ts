/**
 * GIF89a. Where only the first frame is shown, only it is passed on: a decoder indexes every frame
 * before it draws one, and most animated avatars shrink to a fraction of their bytes.
 */
import type { InspectedOriginal } from '../avatar/ports.ts';
import { streamedBytes, wholeBytes } from './memory.ts';
import { motionOf } from './motion.ts';
import {
  corrupt,
  hostile,
  type Dimensions,
  type InspectionLimits,
  requireDimensions,
} from './verdict.ts';

const HEADER_LENGTH = 13;
const DESCRIPTOR_LENGTH = 10;
const EXTENSION = 0x21;
const IMAGE = 0x2c;
const TRAILER = Buffer.from([0x3b]);
const GRAPHIC_CONTROL = 0xf9;
const BYTES_PER_PIXEL = 4;

/** More frames than anybody waits for; bounds the work for blocks that hold nothing. */
const MAX_BLOCKS = 1_000_000;

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
    motion: motionOf({ count, canvas, framePixels }, limits, () => bytes),
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

function readFrames(bytes: Buffer): Frames {
  let at = HEADER_LENGTH + paletteLength(bytes.readUInt8(10));
  let count = 0;
  let framePixels = 0;
  let offset: Dimensions = { width: 0, height: 0 };
  let reach = offset;
  let firstEnd: number | undefined;

  // The walk ends at the trailer, at the end of the file, and at whatever is no block.
  for (let blocks = 0; at < bytes.length; blocks += 1) {
    if (blocks > MAX_BLOCKS) throw hostile(`GIF: more than ${MAX_BLOCKS} blocks`);
    const block = bytes[at];
    if (block === EXTENSION) {
      at = endOfData(bytes, at + 2);
    } else if (block === IMAGE && at + DESCRIPTOR_LENGTH <= bytes.length) {
      count += 1;
      framePixels += bytes.readUInt16LE(at + 5) * bytes.readUInt16LE(at + 7);
      if (count === 1) {
        offset = readDimensions(bytes, at + 1);
        reach = sum(offset, readDimensions(bytes, at + 5));
      }
      // Behind the descriptor: a palette, the size of LZW's first codes, the data.
      const data = at + DESCRIPTOR_LENGTH + paletteLength(bytes.readUInt8(at + 9)) + 1;
      at = endOfData(bytes, data);
      if (count === 1 && at <= bytes.length) firstEnd = at;
    } else {
      break;
    }
  }
  if (count === 0) throw corrupt('GIF: holds no frame');
  return { count, framePixels, offset, reach, firstEnd };
}

function readDimensions(bytes: Buffer, at: number): Dimensions {
  return { width: bytes.readUInt16LE(at), height: bytes.readUInt16LE(at + 2) };
}

function sum(a: Dimensions, b: Dimensions): Dimensions {
  return { width: a.width + b.width, height: a.height + b.height };
}

/** @returns the first byte behind a chain of sub-blocks, behind the file when it is cut off */
function endOfData(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const length = bytes[at] ?? 0;
    at += 1 + length;
    if (length === 0) return at;
  }
  return bytes.length + 1;
}

function paletteLength(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}
