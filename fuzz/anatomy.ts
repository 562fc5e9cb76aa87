/**
 * What a picture is made of, as far as it can be told: parts that can be moved as one, and fields that
 * readers trust. Written for mutants of mutants: whatever makes no sense ends the walk.
 */
import type { OriginalFormat } from '../src/vocabulary/formats.ts';

export type Part = { readonly start: number; readonly end: number };

export type Field = { readonly at: number; readonly bytes: number; readonly isLittle: boolean };

export type Anatomy = {
  readonly parts: readonly Part[];
  readonly lengths: readonly Field[];
  /** Sizes, depths, colour types, counts of components. */
  readonly dimensions: readonly Field[];
};

type Findings = { parts: Part[]; lengths: Field[]; dimensions: Field[] };

/** So many parts tell enough of a file. */
const MOST_PARTS = 2000;

const WALKS: Readonly<Record<OriginalFormat, (bytes: Buffer, found: Findings) => void>> = {
  png: walkPng,
  jpeg: walkJpeg,
  gif: walkGif,
  webp: walkWebp,
  avif: (bytes, found) => walkBoxes(bytes, { start: 0, end: bytes.length }, found, 0),
};

export function anatomyOf(bytes: Buffer, format: OriginalFormat): Anatomy {
  const found: Findings = { parts: [], lengths: [], dimensions: [] };
  try {
    WALKS[format](bytes, found);
  } catch (error) {
    // Read beyond the end: what was found until there is what there is.
    if (!(error instanceof RangeError)) throw error;
  }
  return found;
}

function big(at: number, bytes: number): Field {
  return { at, bytes, isLittle: false };
}

function little(at: number, bytes: number): Field {
  return { at, bytes, isLittle: true };
}

function walkPng(bytes: Buffer, found: Findings): void {
  found.dimensions.push(big(16, 4), big(20, 4), big(24, 1), big(25, 1), big(28, 1));
  for (let at = 8; at + 12 <= bytes.length && found.parts.length < MOST_PARTS;) {
    const end = at + 12 + bytes.readUInt32BE(at);
    found.parts.push({ start: at, end: Math.min(end, bytes.length) });
    found.lengths.push(big(at, 4));
    if (bytes.toString('latin1', at + 4, at + 8) === 'fcTL') {
      found.dimensions.push(big(at + 12, 4), big(at + 16, 4));
    }
    at = end;
  }
}

function walkJpeg(bytes: Buffer, found: Findings): void {
  for (let at = 2; at + 4 <= bytes.length && found.parts.length < MOST_PARTS;) {
    const marker = bytes.readUInt8(at + 1);
    let end = at + 2 + bytes.readUInt16BE(at + 2);
    found.lengths.push(big(at + 2, 2));
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) {
      found.dimensions.push(big(at + 4, 1), big(at + 5, 2), big(at + 7, 2), big(at + 9, 1));
      for (let each = 0; each < 3; each += 1) found.dimensions.push(big(at + 11 + 3 * each, 1));
    }
    if (marker === 0xda) {
      found.dimensions.push(big(at + 4, 1));
      end = endOfScan(bytes, end);
    }
    found.parts.push({ start: at, end: Math.min(end, bytes.length) });
    at = end;
  }
}

function endOfScan(bytes: Buffer, from: number): number {
  for (let at = from; at + 1 < bytes.length; at += 1) {
    const next = bytes[at + 1] ?? 0;
    if (bytes[at] === 0xff && next !== 0 && (next < 0xd0 || next > 0xd7)) return at;
  }
  return bytes.length;
}

function walkGif(bytes: Buffer, found: Findings): void {
  found.dimensions.push(little(6, 2), little(8, 2), little(10, 1));
  let at = 13 + paletteBytes(bytes.readUInt8(10));
  while (at < bytes.length && found.parts.length < MOST_PARTS) {
    const start = at;
    const kind = bytes.readUInt8(at);
    if (kind === 0x21) at += 2;
    else if (kind === 0x2c) {
      for (let each = 0; each < 4; each += 1) found.dimensions.push(little(at + 1 + 2 * each, 2));
      at += 11 + paletteBytes(bytes.readUInt8(at + 9));
    } else return;
    for (let length = bytes.readUInt8(at); length > 0; length = bytes.readUInt8(at)) {
      if (found.lengths.length < MOST_PARTS) found.lengths.push(little(at, 1));
      at += 1 + length;
    }
    at += 1;
    found.parts.push({ start, end: at });
  }
}

function paletteBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

function walkWebp(bytes: Buffer, found: Findings): void {
  found.lengths.push(little(4, 4));
  walkWebpChunks(bytes, { start: 12, end: bytes.length }, found);
}

function walkWebpChunks(bytes: Buffer, { start, end }: Part, found: Findings): void {
  for (let at = start; at + 8 <= end && found.parts.length < MOST_PARTS;) {
    const length = bytes.readUInt32LE(at + 4);
    const next = Math.min(at + 8 + length + (length % 2), end);
    found.parts.push({ start: at, end: next });
    found.lengths.push(little(at + 4, 4));
    const type = bytes.toString('latin1', at, at + 4);
    if (type === 'VP8X') found.dimensions.push(little(at + 12, 3), little(at + 15, 3));
    if (type === 'VP8 ') found.dimensions.push(little(at + 14, 2), little(at + 16, 2));
    if (type === 'VP8L') found.dimensions.push(little(at + 9, 4));
    if (type === 'ANMF') {
      for (let each = 0; each < 4; each += 1) found.dimensions.push(little(at + 8 + 3 * each, 3));
      walkWebpChunks(bytes, { start: at + 24, end: next }, found);
    }
    at = next;
  }
}

/** Boxes that hold boxes, and what stands in them before these. */
const CONTAINERS = new Map([
  ['meta', 4],
  ['iprp', 0],
  ['ipco', 0],
  ['iref', 4],
  ['iinf', 6],
  ['moov', 0],
]);

const DEEPEST = 6;

function walkBoxes(bytes: Buffer, { start, end }: Part, found: Findings, depth: number): void {
  if (depth > DEEPEST) return;
  for (let at = start; at + 8 <= end && found.parts.length < MOST_PARTS;) {
    const size = bytes.readUInt32BE(at);
    const next = Math.min(size < 8 ? end : at + size, end);
    const type = bytes.toString('latin1', at + 4, at + 8);
    found.parts.push({ start: at, end: next });
    found.lengths.push(big(at, 4));
    if (type === 'ispe') found.dimensions.push(big(at + 12, 4), big(at + 16, 4));
    // Item locations: widths of fields, counts, offsets and lengths, all of which readers follow.
    if (type === 'iloc' || type === 'ipma' || type === 'dimg' || type === 'idat') {
      for (let field = at + 8; field + 2 <= next; field += 2) found.dimensions.push(big(field, 2));
    }
    const before = CONTAINERS.get(type);
    if (before !== undefined) {
      walkBoxes(bytes, { start: at + 8 + before, end: next }, found, depth + 1);
    }
    at = next;
  }
}
