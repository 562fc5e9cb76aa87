/**
 * WebP (RFC 9649). An animation's decoder walks from the first frame to each one to learn its
 * duration: 2 MB of tiny frames take 3 s, and it grows with the square. Where only the first is shown,
 * only that is passed on.
 */
import type { InspectedOriginal } from '../avatar/ports.ts';
import { Excerpt } from './excerpt.ts';
import { streamedBytes, wholeBytes } from './memory.ts';
import { motionOf } from './motion.ts';
import {
  corrupt,
  type Dimensions,
  hostile,
  type InspectionLimits,
  requireDimensions,
} from './verdict.ts';

/** `RIFF`, the size of what follows, `WEBP`. */
const CONTAINER_LENGTH = 12;
const CHUNK_HEADER_LENGTH = 8;
/** Position, size, duration and flags, before the chunks of a frame. */
const FRAME_HEADER_LENGTH = 16;

const LOSSY = fourCharacters('VP8 ');
const LOSSLESS = fourCharacters('VP8L');
const EXTENDED = fourCharacters('VP8X');
const FRAME = fourCharacters('ANMF');
const ALPHA = fourCharacters('ALPH');
/** Chunks of an extended file passed on, one of each: picture, transparency, colour, orientation. */
const KEPT = new Set([
  EXTENDED,
  LOSSY,
  LOSSLESS,
  FRAME,
  fourCharacters('EXIF'),
  ALPHA,
  fourCharacters('ANIM'),
  fourCharacters('ICCP'),
]);

const XMP_FLAG = 0x04;
const ALPHA_FLAG = 0x10;
/** In the header of a lossless picture, behind its sizes of 14 bits each. */
const LOSSLESS_ALPHA = 1 << 28;

/** More frames than anybody waits for; bounds the work for chunks that hold nothing. */
const MAX_CHUNKS = 65_536;

const BYTES_PER_PIXEL = 4;

type Chunk = {
  readonly type: number;
  readonly data: number;
  /** Behind the padding, and never behind the container. */
  readonly end: number;
};

/** @throws AvatarError `original_corrupt`, `original_hostile`, `original_too_many_pixels` */
export function inspectWebp(bytes: Buffer, limits: InspectionLimits): InspectedOriginal {
  // Bytes appended behind the container are no part of it.
  const end = Math.min(CHUNK_HEADER_LENGTH + bytes.readUInt32LE(4), bytes.length);
  const first = readChunk(bytes, CONTAINER_LENGTH, end);
  if (first?.type === EXTENDED) return inspectExtended(bytes, end, first, limits);
  const picture = first && readPicture(bytes, first);
  if (first === undefined || picture === undefined)
    throw corrupt('WebP: does not begin with a picture');
  requireDimensions('WebP', picture, limits.maxPixels);
  return {
    bytes,
    format: 'webp',
    ...picture,
    frames: 1,
    decodedBytes: decodedBytes(picture, new Set([first.type])),
  };
}

function inspectExtended(
  bytes: Buffer,
  end: number,
  header: Chunk,
  limits: InspectionLimits,
): InspectedOriginal {
  if (header.data + 10 > header.end) throw corrupt('WebP: ends within its header');
  const canvas = {
    width: bytes.readUIntLE(header.data + 4, 3) + 1,
    height: bytes.readUIntLE(header.data + 7, 3) + 1,
  };
  requireDimensions('WebP', canvas, limits.maxPixels);

  const excerpt = new Excerpt(bytes);
  excerpt.keep(0, CONTAINER_LENGTH);
  const moving = new Excerpt(bytes);
  moving.keep(0, CONTAINER_LENGTH);
  const seen = new Set<number>();
  let chunks = 0;
  let frames = 0;
  let framePixels = 0;
  let isSeenThrough = false;
  for (
    let chunk: Chunk | undefined = header, start = CONTAINER_LENGTH;
    chunk !== undefined;
    start = chunk.end, chunk = readChunk(bytes, start, end)
  ) {
    chunks += 1;
    if (chunks > MAX_CHUNKS) throw hostile(`WebP: more than ${MAX_CHUNKS} chunks`);
    const isFrame = chunk.type === FRAME;
    if (isFrame) {
      frames += 1;
      framePixels += declaredPixels(bytes, chunk);
    }
    if (!KEPT.has(chunk.type)) continue;
    const isFirst = !seen.has(chunk.type);
    if (isFirst || isFrame) moving.keep(start, chunk.end);
    if (!isFirst) continue;
    seen.add(chunk.type);
    excerpt.keep(start, chunk.end);
    const picture = isFrame ? readFrame(bytes, chunk) : readPicture(bytes, chunk);
    if (picture !== undefined) requireDimensions('WebP frame', picture, limits.maxPixels);
    if (chunk.type === LOSSLESS) {
      isSeenThrough = (bytes.readUInt32LE(chunk.data + 1) & LOSSLESS_ALPHA) !== 0;
    }
  }
  if (!seen.has(FRAME) && !seen.has(LOSSY) && !seen.has(LOSSLESS)) {
    throw corrupt('WebP: holds no picture');
  }
  // Browsers go by the picture here, the decoder by its container.
  const lacksFlag = isSeenThrough && (bytes.readUInt8(header.data) & ALPHA_FLAG) === 0;
  return {
    bytes: excerpt.isWhole && !lacksFlag ? bytes : rebuilt(excerpt, header, isSeenThrough),
    format: 'webp',
    ...canvas,
    frames: Math.max(1, frames),
    decodedBytes: decodedBytes(canvas, seen),
    motion: motionOf({ count: frames, canvas, framePixels }, limits, () =>
      moving.isWhole ? bytes : rebuilt(moving, header),
    ),
  };
}

/** A frame that is cut off counts none: those after the first are the decoder's to judge. */
function declaredPixels(bytes: Buffer, chunk: Chunk): number {
  if (chunk.data + FRAME_HEADER_LENGTH > chunk.end) return 0;
  const { width, height } = readFrame(bytes, chunk);
  return width * height;
}

/** The kept chunks as a file of their own: the size in front, and no promise of dropped XMP. */
function rebuilt(excerpt: Excerpt, header: Chunk, isSeenThrough = false): Buffer {
  const copy = excerpt.copy();
  const flags = copy.readUInt8(header.data) & ~XMP_FLAG;
  copy.writeUInt32LE(copy.length - CHUNK_HEADER_LENGTH, 4);
  copy.writeUInt8(isSeenThrough ? flags | ALPHA_FLAG : flags, header.data);
  return copy;
}

/** @param limit where the container ends, at most the length of the file */
function readChunk(bytes: Buffer, at: number, limit: number): Chunk | undefined {
  if (at + CHUNK_HEADER_LENGTH > limit) return undefined;
  const data = at + CHUNK_HEADER_LENGTH;
  const length = bytes.readUInt32LE(at + 4);
  return {
    type: bytes.readUInt32LE(at),
    data,
    end: Math.min(data + length + (length % 2), limit),
  };
}

/** The size that an animation's frame declares; its picture must agree, or the decoder refuses it. */
function readFrame(bytes: Buffer, { data, end }: Chunk): Dimensions {
  if (data + FRAME_HEADER_LENGTH > end) throw corrupt('WebP: ends within a frame');
  return { width: bytes.readUIntLE(data + 6, 3) + 1, height: bytes.readUIntLE(data + 9, 3) + 1 };
}

/** @returns undefined when the chunk is none of a picture */
function readPicture(bytes: Buffer, { type, data, end }: Chunk): Dimensions | undefined {
  if (type === LOSSY) {
    // A frame tag, a start code, then 14 bits of size and 2 of scale each way (RFC 6386, 9.1).
    if (data + 10 > end) throw corrupt('WebP: ends within the header of its picture');
    if (bytes.readUIntBE(data + 3, 3) !== 0x9d_01_2a) throw corrupt('WebP: no VP8 key frame');
    return {
      width: bytes.readUInt16LE(data + 6) & 0x3f_ff,
      height: bytes.readUInt16LE(data + 8) & 0x3f_ff,
    };
  }
  if (type === LOSSLESS) {
    if (data + 5 > end) throw corrupt('WebP: ends within the header of its picture');
    if (bytes.readUInt8(data) !== 0x2f) throw corrupt('WebP: no VP8L signature');
    const sizes = bytes.readUInt32LE(data + 1);
    return { width: (sizes & 0x3f_ff) + 1, height: ((sizes >>> 14) & 0x3f_ff) + 1 };
  }
  return undefined;
}

/**
 * An animation holds its canvas and the frame drawn on it; lossless pictures refer back to all of
 * themselves, as planes of transparency may; lossy ones are scaled down while they are decoded.
 */
function decodedBytes(canvas: Dimensions, chunks: ReadonlySet<number>): number {
  const streamed = streamedBytes(canvas, BYTES_PER_PIXEL);
  if (chunks.has(FRAME)) return streamed + wholeBytes(canvas, 2 * BYTES_PER_PIXEL);
  if (chunks.has(LOSSLESS)) return streamed + wholeBytes(canvas, BYTES_PER_PIXEL);
  return chunks.has(ALPHA) ? streamed + wholeBytes(canvas, 2) : streamed;
}

function fourCharacters(name: string): number {
  return Buffer.from(name, 'latin1').readUInt32LE(0);
}
