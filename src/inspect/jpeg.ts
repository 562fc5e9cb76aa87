/**
 * JPEG (ITU-T T.81). A picture in several scans is decoded scan by scan over all of its coefficients,
 * and scans without data cost two dozen bytes: 360 kB of them hold a decoder for half a minute. The
 * walk finds markers as libjpeg does, so that both count the same scans; and as libjpeg does, it reads
 * no further than the first scan where that holds everything, as in most photographs.
 */
import type { InspectedOriginal } from '../avatar/ports.ts';
import { streamedBytes } from './memory.ts';
import {
  corrupt,
  type Dimensions,
  hostile,
  type InspectionLimits,
  requireDimensions,
  unsupported,
} from './verdict.ts';

const EOI = 0xd9;
const SOS = 0xda;
const BASELINE = 0xc0;
const EXTENDED = 0xc1;
const PROGRESSIVE = 0xc2;
/** Sequential; rare, but decoders have it. Its progressive kin (CA) nobody writes. */
const ARITHMETIC = 0xc9;
/** Frame headers are C0–CF but for DHT, JPG and DAC. */
const NOT_FRAMES = new Set([0xc4, 0xc8, 0xcc]);
const DECODED = new Set([BASELINE, EXTENDED, PROGRESSIVE, ARITHMETIC]);

/** Encoders write about ten scans, optimisers a few dozen. */
const MAX_PROGRESSIVE_SCANS = 100;
/**
 * A metadata segment holds 64 kB, so 20 MB of them are 320, and each scan brings a table or two.
 * libjpeg keeps a record of every one: four million empty ones take 800 MB and two seconds.
 */
const MAX_SEGMENTS = 5000;

const BLOCK_EDGE = 8;
const BYTES_PER_COEFFICIENT = 2;
/**
 * Bytes looked at one by one before a native search is called for the next 0xFF: photographs have
 * one every few hundred, hostile files every second.
 */
const NEAR = 32;

type Component = { readonly horizontal: number; readonly vertical: number };

type Frame = {
  readonly width: number;
  readonly height: number;
  readonly progressive: boolean;
  readonly components: readonly Component[];
};

/** @throws AvatarError `original_corrupt`, `original_hostile`, `original_too_many_pixels`, `original_unsupported` */
export function inspectJpeg(bytes: Buffer, limits: InspectionLimits): InspectedOriginal {
  const { frame, inOneScan } = readSegments(bytes, limits);
  const coefficients = inOneScan ? 0 : coefficientBytes(frame);
  return {
    bytes,
    format: 'jpeg',
    width: frame.width,
    height: frame.height,
    frames: 1,
    decodedBytes: coefficients + streamedBytes(frame, frame.components.length),
  };
}

function readSegments(
  bytes: Buffer,
  limits: InspectionLimits,
): { frame: Frame; inOneScan: boolean } {
  let frame: Frame | undefined;
  let scans = 0;
  let segments = 0;

  for (let at = 2; ;) {
    const found = nextMarker(bytes, at);
    // The file ends without EOI: browsers show such pictures, and the decoder knows how much is missing.
    if (found === undefined || found.marker === EOI) break;
    const { marker, after } = found;
    at = after;
    segments += 1;
    if (segments > MAX_SEGMENTS) throw hostile(`JPEG: more than ${MAX_SEGMENTS} segments`);
    if (after + 2 > bytes.length) break;
    if (isFrame(marker)) {
      if (frame !== undefined) throw corrupt('JPEG: two frame headers');
      frame = readFrame(bytes, after, marker);
      requireDimensions('JPEG', frame, limits.maxPixels);
    } else if (marker === SOS) {
      if (frame === undefined) throw corrupt('JPEG: a scan before the frame header');
      if (scans === 0 && holdsEverything(frame, bytes[after + 2]))
        return { frame, inOneScan: true };
      scans += 1;
      requireFewScans(frame, scans);
    }
    // Lengths below 2 are impossible; libjpeg refuses them or reads on behind them, as here.
    at = after + Math.max(2, bytes.readUInt16BE(after));
  }
  if (frame === undefined) throw corrupt('JPEG: ends without a frame header');
  if (scans === 0) throw corrupt('JPEG: ends without image data');
  return { frame, inOneScan: false };
}

/**
 * Whether libjpeg decodes line by line from this first scan and looks at no other: its own test. If not,
 * it collects the coefficients of all scans, be it one that leaves a component out.
 */
function holdsEverything({ progressive, components }: Frame, inScan: number | undefined): boolean {
  return !progressive && inScan !== undefined && inScan >= components.length;
}

/** Sequential pictures tell every component once, alone or with others (T.81, section 4.9). */
function requireFewScans({ progressive, components }: Frame, scans: number): void {
  const allowed = progressive ? MAX_PROGRESSIVE_SCANS : components.length;
  if (scans > allowed) throw hostile(`JPEG: more than ${allowed} scans`);
}

/**
 * The next marker at or behind `from` that has a length, or EOI: an 0xFF, any more of them, and a
 * code. Everything before it is entropy-coded data with its restarts, or garbage libjpeg skips too.
 */
function nextMarker(bytes: Buffer, from: number): { marker: number; after: number } | undefined {
  let quiet = 0;
  for (let at = from; at < bytes.length; at += 1) {
    if (bytes[at] === 0xff) {
      const marker = bytes[at + 1] ?? 0;
      if (marker !== 0xff && !isStandalone(marker)) return { marker, after: at + 2 };
      quiet = 0;
    } else if (quiet < NEAR) {
      quiet += 1;
    } else {
      at = bytes.indexOf(0xff, at) - 1;
      if (at < 0) return undefined;
    }
  }
  return undefined;
}

/** Stuffing, TEM, the reserved codes up to BF, RSTn and SOI: without a length behind them. */
function isStandalone(marker: number): boolean {
  return marker < 0xc0 || (marker >= 0xd0 && marker <= 0xd8);
}

function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && !NOT_FRAMES.has(marker);
}

/** @param at the length field of the frame header */
function readFrame(bytes: Buffer, at: number, marker: number): Frame {
  if (!DECODED.has(marker)) {
    const process = marker - BASELINE;
    throw unsupported(
      `JPEG: process SOF${process} (lossless, hierarchical or progressive arithmetic)`,
    );
  }
  if (at + 8 > bytes.length) throw corrupt('JPEG: ends within its frame header');
  const precision = bytes.readUInt8(at + 2);
  const count = bytes.readUInt8(at + 7);
  if (precision !== 8) throw unsupported(`JPEG: ${precision} bits a sample`);
  if (count !== 1 && count !== 3 && count !== 4) throw unsupported(`JPEG: ${count} components`);
  if (at + 8 + 3 * count > bytes.length) throw corrupt('JPEG: ends within its frame header');

  const components = Array.from({ length: count }, (_, index) => {
    const sampling = bytes.readUInt8(at + 8 + 3 * index + 1);
    return { horizontal: sampling >> 4, vertical: sampling & 15 };
  });
  if (components.some(({ horizontal: h, vertical: v }) => h < 1 || h > 4 || v < 1 || v > 4)) {
    throw corrupt('JPEG: impossible sampling factors');
  }
  return {
    // A height of zero would be told behind the first scan (DNL), which libjpeg does not read.
    height: bytes.readUInt16BE(at + 3),
    width: bytes.readUInt16BE(at + 5),
    progressive: marker === PROGRESSIVE,
    components,
  };
}

/** The bytes of all blocks of all components, as libjpeg lays them out between scans. */
function coefficientBytes({ width, height, components }: Dimensions & Frame): number {
  const widest = Math.max(...components.map(({ horizontal }) => horizontal));
  const tallest = Math.max(...components.map(({ vertical }) => vertical));
  const coefficients = components.map(
    ({ horizontal, vertical }) =>
      wholeBlocks((width * horizontal) / widest) * wholeBlocks((height * vertical) / tallest),
  );
  return BYTES_PER_COEFFICIENT * coefficients.reduce((sum, count) => sum + count, 0);
}

function wholeBlocks(samples: number): number {
  return Math.ceil(samples / BLOCK_EDGE) * BLOCK_EDGE;
}
