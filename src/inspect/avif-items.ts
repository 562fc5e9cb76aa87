/**
 * The items of a still AVIF, as its `meta` box tells of them (ISO/IEC 14496-12, 8.11): which is the
 * picture, how large each is, and which are put together from others.
 */
import { boxesOf, type Box, findBox, VERSION_AND_FLAGS } from './boxes.ts';
import { fourLetters } from './four-letters.ts';
import { corrupt, type Dimensions, hostile } from './verdict.ts';

export type Items = {
  readonly primary: number | undefined;
  /** Every size told, whether or not an item claims it. */
  readonly sizes: readonly Dimensions[];
  readonly sizeOf: ReadonlyMap<number, Dimensions>;
  /** Derived items, with the items they are drawn from, repetitions included (`dimg`). */
  readonly inputsOf: ReadonlyMap<number, readonly number[]>;
  /** Whether one of them has more than 8 bits a sample. */
  readonly isDeep: boolean;
};

/** Above what a sensible picture needs: 12 megapixels are 3000 tiles of 64×64. */
const MAX_ITEMS = 10_000;
const MAX_REFERENCES = 10_000;

const AV1C = fourLetters('av1C');
const ISPE = fourLetters('ispe');
const IPMA = fourLetters('ipma');
const DIMG = fourLetters('dimg');

/** @throws AvatarError `original_corrupt`, `original_hostile` */
export function readItems(bytes: Buffer): Items {
  const meta = findBox(bytes, { start: 0, end: bytes.length }, 'meta');
  if (meta === undefined) throw corrupt('AVIF: holds no still picture');
  const within = { start: meta.start + VERSION_AND_FLAGS, end: meta.end };
  const properties = findBox(bytes, within, 'iprp');
  const container = properties && findBox(bytes, properties, 'ipco');
  if (properties === undefined || container === undefined)
    throw corrupt('AVIF: ends before the properties of its picture');

  const sizes = readSizes(bytes, container);
  return {
    primary: readPrimary(bytes, findBox(bytes, within, 'pitm')),
    sizes: [...sizes.values()],
    sizeOf: readAssociations(bytes, properties, sizes),
    inputsOf: readInputs(bytes, findBox(bytes, within, 'iref')),
    isDeep: isDeep(bytes, container),
  };
}

/** @returns sizes by the position of their property, counted from 1 */
function readSizes(bytes: Buffer, container: Box): Map<number, Dimensions> {
  const sizes = new Map<number, Dimensions>();
  let position = 0;
  for (const { start, end, type } of boxesOf(bytes, container)) {
    position += 1;
    if (type !== ISPE) continue;
    const at = start + VERSION_AND_FLAGS;
    if (at + 8 > end) throw corrupt('AVIF: ends within a size');
    sizes.set(position, { width: bytes.readUInt32BE(at), height: bytes.readUInt32BE(at + 4) });
  }
  return sizes;
}

/** As the configurations of the decoder say (AV1 in ISOBMFF, 2.3.3): the bit called `high_bitdepth`. */
function isDeep(bytes: Buffer, container: Box): boolean {
  for (const { start, end, type } of boxesOf(bytes, container)) {
    if (type === AV1C && start + 3 <= end && (bytes.readUInt8(start + 2) & 0x40) !== 0) return true;
  }
  return false;
}

function readPrimary(bytes: Buffer, box: Box | undefined): number | undefined {
  if (box === undefined) return undefined;
  const at = box.start + VERSION_AND_FLAGS;
  const length = bytes[box.start] === 0 ? 2 : 4;
  return at + length > box.end ? undefined : bytes.readUIntBE(at, length);
}

/** Which item has which size (8.11.14); there may be several such boxes, of different widths. */
function readAssociations(
  bytes: Buffer,
  properties: Box,
  sizes: ReadonlyMap<number, Dimensions>,
): Map<number, Dimensions> {
  const sizeOf = new Map<number, Dimensions>();
  for (const box of boxesOf(bytes, properties)) {
    if (box.type === IPMA && box.start + VERSION_AND_FLAGS + 4 <= box.end) {
      addAssociations(bytes, box, sizes, sizeOf);
    }
  }
  return sizeOf;
}

function addAssociations(
  bytes: Buffer,
  box: Box,
  sizes: ReadonlyMap<number, Dimensions>,
  sizeOf: Map<number, Dimensions>,
): void {
  const idLength = bytes[box.start] === 0 ? 2 : 4;
  const wide = ((bytes[box.start + 3] ?? 0) & 1) === 1;
  const entries = bytes.readUInt32BE(box.start + VERSION_AND_FLAGS);

  let at = box.start + VERSION_AND_FLAGS + 4;
  for (let entry = 0; entry < entries && at + idLength + 1 <= box.end; entry += 1) {
    if (entry === MAX_ITEMS || sizeOf.size > MAX_ITEMS)
      throw hostile(`AVIF: more than ${MAX_ITEMS} items`);
    const item = bytes.readUIntBE(at, idLength);
    const count = bytes.readUInt8(at + idLength);
    at += idLength + 1;
    const length = wide ? 2 : 1;
    for (let n = 0; n < count && at + length <= box.end; n += 1, at += length) {
      // The first bit says whether a reader must understand the property.
      const size = sizes.get(bytes.readUIntBE(at, length) & (wide ? 0x7f_ff : 0x7f));
      const before = sizeOf.get(item);
      // The largest of several counts: then it does not matter which one a decoder believes.
      if (size !== undefined && (before === undefined || pixels(size) > pixels(before))) {
        sizeOf.set(item, size);
      }
    }
  }
}

function readInputs(bytes: Buffer, box: Box | undefined): Map<number, number[]> {
  const inputsOf = new Map<number, number[]>();
  if (box === undefined) return inputsOf;
  const idLength = bytes[box.start] === 0 ? 2 : 4;
  const within = { start: box.start + VERSION_AND_FLAGS, end: box.end };
  let references = 0;
  for (const { start, end, type } of boxesOf(bytes, within)) {
    if (type !== DIMG || start + idLength + 2 > end) continue;
    const item = bytes.readUIntBE(start, idLength);
    const inputs = inputsOf.get(item) ?? [];
    inputsOf.set(item, inputs);
    const count = bytes.readUInt16BE(start + idLength);
    let at = start + idLength + 2;
    for (let n = 0; n < count && at + idLength <= end; n += 1, at += idLength) {
      inputs.push(bytes.readUIntBE(at, idLength));
    }
    references += count;
    if (references > MAX_REFERENCES) throw hostile(`AVIF: more than ${MAX_REFERENCES} tiles`);
  }
  return inputsOf;
}

export function pixels({ width, height }: Dimensions): number {
  return width * height;
}
