/**
 * PNG (W3C, third edition). The danger is in chunks beside the picture: libpng inflates every text
 * chunk, so a megabyte of them takes gigabytes and aborts the process, and a colour profile of 50 kB
 * can inflate to 50 MB. Only what decides the colour of pixels is passed on.
 */
import { crc32, inflateSync } from 'node:zlib';
import type { InspectedOriginal } from '../avatar/ports.ts';
import { Excerpt } from './excerpt.ts';
import { fourLetters } from './four-letters.ts';
import { streamedBytes, wholeBytes } from './memory.ts';
import {
  corrupt,
  hostile,
  type InspectionLimits,
  requireDimensions,
  unsupported,
} from './verdict.ts';

const SIGNATURE_LENGTH = 8;
/** Length, type, and checksum of a chunk around its data. */
const CHUNK_OVERHEAD = 12;

const IHDR = fourLetters('IHDR');
const PLTE = fourLetters('PLTE');
const IDAT = fourLetters('IDAT');
const IEND = fourLetters('IEND');
const TRNS = fourLetters('tRNS');
const ICCP = fourLetters('iCCP');
const FCTL = fourLetters('fcTL');
const CGBI = fourLetters('CgBI');

/** A chunk without this bit in its first letter must be understood to decode the picture. */
const ANCILLARY = 0x20_00_00_00;

/**
 * Ancillary chunks passed on, once each, with the most bytes of data they can need: they decide
 * transparency, colour and orientation. Text goes for its danger; animation (acTL, fcTL, fdAT) since
 * the default image is what is shown; the rest (sBIT, bKGD, tIME, hIST, sPLT, private ones) since no
 * pixel of an avatar depends on it. Nor on pHYs, gAMA, cHRM, sRGB and cICP, of which the decoder heeds
 * none (what that means is in docs/quality.md), but most files have one, and dropping it copies them.
 * eXIf gets what fits into a JPEG's.
 */
const KEPT = new Map<number, number>([
  [TRNS, 256],
  [fourLetters('gAMA'), 4],
  [fourLetters('cHRM'), 32],
  [fourLetters('sRGB'), 1],
  [fourLetters('cICP'), 4],
  [fourLetters('pHYs'), 9],
  [ICCP, 65_536],
  [fourLetters('eXIf'), 65_536],
]);

/** A profile with its large tables is 1 or 2 MB. */
const MAX_PROFILE_BYTES = 4 * 1024 * 1024;
/** The header of a profile, beginning with the size of all of it (ICC.1, section 7.2). */
const PROFILE_HEADER_LENGTH = 128;
/** A name of at most 79 bytes, its end, and the compression method. */
const LONGEST_PROFILE_NAME = 79;

/** Far above what encoders write into 20 MB; bounds the work for chunks that hold nothing. */
const MAX_CHUNKS = 65_536;

/** Channels and allowed bit depths by colour type (section 11.2.1). */
const COLOUR_TYPES = new Map<number, { channels: number; depths: readonly number[] }>([
  [0, { channels: 1, depths: [1, 2, 4, 8, 16] }],
  [2, { channels: 3, depths: [8, 16] }],
  [3, { channels: 3, depths: [1, 2, 4, 8] }],
  [4, { channels: 2, depths: [8, 16] }],
  [6, { channels: 4, depths: [8, 16] }],
]);

type Header = {
  readonly width: number;
  readonly height: number;
  readonly interlaced: boolean;
  readonly channels: number;
  readonly bytesPerSample: number;
};

/** @throws AvatarError `original_corrupt`, `original_hostile`, `original_too_many_pixels`, `original_unsupported` */
export function inspectPng(bytes: Buffer, limits: InspectionLimits): InspectedOriginal {
  const header = readHeader(bytes);
  requireDimensions('PNG', header, limits.maxPixels);
  const { excerpt, frames, hasTransparency } = readChunks(bytes);

  const bytesPerPixel = (header.channels + (hasTransparency ? 1 : 0)) * header.bytesPerSample;
  // The last pass of an interlaced picture holds half its lines, so none can leave before.
  const whole = header.interlaced ? wholeBytes(header, bytesPerPixel) : 0;
  return {
    bytes: excerpt.toBuffer(),
    format: 'png',
    width: header.width,
    height: header.height,
    frames,
    decodedBytes: whole + streamedBytes(header, bytesPerPixel),
    isDeep: header.bytesPerSample === 2 && header.channels >= 3,
  };
}

function readHeader(bytes: Buffer): Header {
  const data = SIGNATURE_LENGTH + 8;
  if (bytes.length < data + 13 + 4) throw corrupt('PNG: ends within its header');
  const type = bytes.readUInt32BE(SIGNATURE_LENGTH + 4);
  if (type === CGBI) throw unsupported("PNG: Apple's CgBI variant, which only its own tools read");
  if (type !== IHDR || bytes.readUInt32BE(SIGNATURE_LENGTH) !== 13) {
    throw corrupt('PNG: does not begin with a header of 13 bytes');
  }
  const depth = bytes.readUInt8(data + 8);
  const colour = bytes.readUInt8(data + 9);
  const interlace = bytes.readUInt8(data + 12);
  const colourType = COLOUR_TYPES.get(colour);
  if (colourType === undefined || !colourType.depths.includes(depth)) {
    throw corrupt(`PNG: no such combination as colour type ${colour} with ${depth} bits`);
  }
  if (bytes.readUInt8(data + 10) !== 0 || bytes.readUInt8(data + 11) !== 0 || interlace > 1) {
    throw corrupt('PNG: unknown compression, filter or interlace method');
  }
  return {
    width: bytes.readUInt32BE(data),
    height: bytes.readUInt32BE(data + 4),
    interlaced: interlace === 1,
    channels: colourType.channels,
    bytesPerSample: depth === 16 ? 2 : 1,
  };
}

function readChunks(bytes: Buffer): { excerpt: Excerpt; frames: number; hasTransparency: boolean } {
  const excerpt = new Excerpt(bytes);
  excerpt.keep(0, SIGNATURE_LENGTH);
  const seen = new Set<number>();
  let frames = 0;
  let chunks = 0;

  // The walk stops after IEND, as decoders do; an appended archive or script goes no further than this.
  for (let at = SIGNATURE_LENGTH; at + 8 <= bytes.length && !seen.has(IEND);) {
    chunks += 1;
    if (chunks > MAX_CHUNKS) throw hostile(`PNG: more than ${MAX_CHUNKS} chunks`);
    const type = bytes.readUInt32BE(at + 4);
    const end = at + CHUNK_OVERHEAD + bytes.readUInt32BE(at);
    if (type === FCTL) frames += 1;
    if (isKept(bytes, at, end, type, seen)) {
      seen.add(type);
      // A tail that is cut off is the decoder's to judge.
      excerpt.keep(at, Math.min(end, bytes.length));
    }
    at = end;
  }
  if (!seen.has(IDAT)) throw corrupt('PNG: holds no image data');
  return { excerpt, frames: Math.max(1, frames), hasTransparency: seen.has(TRNS) };
}

function isKept(bytes: Buffer, at: number, end: number, type: number, seen: Set<number>): boolean {
  if (type === IDAT || type === IEND) return true;
  if (type === IHDR || type === PLTE) {
    if (seen.has(type)) throw corrupt('PNG: two headers or two palettes');
    return true;
  }
  if (!isChunkType(type)) throw corrupt(`PNG: impossible chunk type 0x${type.toString(16)}`);
  if ((type & ANCILLARY) === 0) throw corrupt('PNG: an unknown chunk that must not be ignored');
  const room = KEPT.get(type);
  if (room === undefined || seen.has(type) || end - at - CHUNK_OVERHEAD > room) return false;
  if (!isIntact(bytes, at, end)) return false;
  if (type !== ICCP) return true;
  // Even if it is dropped: each of five thousand in one file would be inflated, for seconds.
  seen.add(type);
  return isSoundProfile(bytes.subarray(at + 8, end - 4));
}

/** Browsers ignore what is not; the decoder believes some of it, and refuses the picture for others. */
function isIntact(bytes: Buffer, at: number, end: number): boolean {
  return (
    end <= bytes.length && crc32(bytes.subarray(at + 4, end - 4)) === bytes.readUInt32BE(end - 4)
  );
}

/**
 * libpng ignores a profile that does not inflate to the size in its own header, so it can go; what
 * does is only kept when that is small, for its decoder has no limit.
 */
function isSoundProfile(data: Buffer): boolean {
  const name = data.subarray(0, LONGEST_PROFILE_NAME + 1).indexOf(0);
  if (name < 1) return false;
  try {
    const profile = inflateSync(data.subarray(name + 2), { maxOutputLength: MAX_PROFILE_BYTES });
    return profile.length >= PROFILE_HEADER_LENGTH && profile.readUInt32BE(0) <= profile.length;
  } catch {
    // Damaged, cut off, or above the limit; all of them mean a picture without a profile.
    return false;
  }
}

/** Four ASCII letters (section 5.3). */
function isChunkType(type: number): boolean {
  for (let shift = 0; shift < 32; shift += 8) {
    const letter = ((type >>> shift) & 0xff) | 0x20;
    if (letter < 0x61 || letter > 0x7a) return false;
  }
  return true;
}
