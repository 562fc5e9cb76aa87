/** What is in a finished picture besides the picture. Walks the whole file, and knows nothing of the service. */
import type { Extension } from '../../src/vocabulary/formats.ts';

const WALKERS = {
  png: walkPng,
  jpg: walkJpeg,
  webp: walkWebp,
  avif: walkAvif,
} as const satisfies Partial<Record<Extension, (bytes: Buffer) => string[]>>;

export type WalkedFormat = keyof typeof WALKERS;

/** @returns names of blocks that no decoder needs, and what is wrong with the file */
export function needlessBlocks(format: WalkedFormat, bytes: Buffer): string[] {
  return WALKERS[format](bytes);
}

const PNG_CHUNKS = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND']);

function walkPng(bytes: Buffer): string[] {
  const found: string[] = [];
  let at = 8;
  while (at + 12 <= bytes.length) {
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (!PNG_CHUNKS.has(type)) found.push(type);
    at += 12 + bytes.readUInt32BE(at);
  }
  return [...found, ...restOf(bytes, at)];
}

const JPEG_EOI = 0xd9;
const JPEG_SOS = 0xda;
/** Quantisation, Huffman and arithmetic tables, restart interval. */
const JPEG_TABLES = new Set([0xdb, 0xc4, 0xcc, 0xdd]);
const JFIF_BYTES = 16;

function walkJpeg(bytes: Buffer): string[] {
  const found: string[] = [];
  let at = 2;
  while (at + 2 <= bytes.length) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== 0xff) return [...found, `no marker at ${at}`];
    if (marker === JPEG_EOI) return [...found, ...restOf(bytes, at + 2)];
    const length = bytes.readUInt16BE(at + 2);
    const isFrame = marker >= 0xc0 && marker <= 0xc2;
    // JFIF without a thumbnail; and what tells RGB from YCbCr.
    const isJfif = marker === 0xe0 && length === JFIF_BYTES;
    const isAdobe = marker === 0xee && bytes.toString('latin1', at + 4, at + 9) === 'Adobe';
    if (!isFrame && !isJfif && !isAdobe && !JPEG_TABLES.has(marker) && marker !== JPEG_SOS) {
      found.push(`marker ${marker.toString(16)}`);
    }
    at += 2 + length;
    if (marker === JPEG_SOS) at = endOfScan(bytes, at);
  }
  return [...found, 'no end'];
}

/** Where the next marker is that is neither stuffing nor a restart. */
function endOfScan(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1] ?? 0;
    if (next !== 0 && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  return bytes.length;
}

const WEBP_CHUNKS = new Set(['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF']);
/** Of VP8X: ICC profile, EXIF, XMP. */
const WEBP_METADATA_FLAGS = 0x2c;

function walkWebp(bytes: Buffer): string[] {
  const found: string[] = [];
  let at = 12;
  while (at + 8 <= bytes.length) {
    const type = bytes.toString('latin1', at, at + 4);
    const length = bytes.readUInt32LE(at + 4);
    if (!WEBP_CHUNKS.has(type)) found.push(type);
    const flags = type === 'VP8X' ? (bytes[at + 8] ?? 0) : 0;
    if ((flags & WEBP_METADATA_FLAGS) !== 0) found.push('flags of metadata');
    at += 8 + length + (length % 2);
  }
  return [...found, ...restOf(bytes, at)];
}

/** Those of a picture: what it is, where its parts lie, and their properties. */
const AVIF_BOXES = new Set(
  'ftyp meta mdat hdlr pitm iloc iinf infe iref auxl iprp ipco ipma ispe pixi av1C auxC colr'.split(
    ' ',
  ),
);
/** Bytes of each box before the boxes in it. */
const AVIF_CONTAINERS: Readonly<Record<string, number>> = { meta: 4, iinf: 6, iprp: 0, ipco: 0 };

function walkAvif(bytes: Buffer): string[] {
  const found: string[] = [];
  let at = 0;
  while (at + 8 <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const body = bytes.subarray(at + 8, at + length);
    if (length < 8) return [...found, `a box of ${length} bytes`];
    if (!AVIF_BOXES.has(type)) found.push(type);
    // Colours by number; a profile would be `prof` or `rICC`.
    if (type === 'colr' && body.toString('latin1', 0, 4) !== 'nclx') found.push('a profile');
    // Version and flags, id, protection; and then its type.
    const item = type === 'infe' ? body.toString('latin1', 8, 12) : 'av01';
    if (item !== 'av01') found.push(`an item of type ${item}`);
    const before = AVIF_CONTAINERS[type];
    if (before !== undefined) found.push(...walkAvif(body.subarray(before)));
    at += length;
  }
  return [...found, ...restOf(bytes, at)];
}

function restOf(bytes: Buffer, at: number): string[] {
  return at === bytes.length ? [] : [`ends at ${at} of ${bytes.length}`];
}
