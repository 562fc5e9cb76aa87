/** Pictures of at most 256 colours: each pixel is the number of its colour, in as few bits as will do. */
import { type Chunk, CHUNK_OVERHEAD, COLOUR_TYPES, type PngHeader, writePng } from './container.ts';
import type { Colours } from './colours.ts';
import type { Pixels } from './survey.ts';

export const LARGEST_PALETTE = 256;

export type Palette = {
  /** The colours in the order of their numbers. */
  readonly entries: readonly number[];
  /** All colours that occur. */
  readonly colours: Colours;
  /** The number of each colour, by its order; several may have the same. */
  readonly numbers: Uint8Array;
};

/** @param entryOf by the order of a colour: what stands for it; all of them the palette's entries */
export function paletteOf(colours: Colours, entryOf: ArrayLike<number>): Palette {
  const chosen = Array.from({ length: colours.size }, (_, order) => entryOf[order] ?? 0);
  // Transparency is told up to the last entry that has any, so those come first.
  const entries = [...new Set(chosen)].toSorted((a, b) => a - b);
  const numberOf = new Map(entries.map((entry, number) => [entry, number]));
  const numbers = Uint8Array.from(chosen, (entry) => numberOf.get(entry) ?? 0);
  return { entries, colours, numbers };
}

/** @param orders of each pixel's colour */
export function encodePalette(
  { width, height }: Pick<Pixels, 'width' | 'height'>,
  orders: Uint16Array,
  { entries, numbers }: Palette,
): Buffer {
  const depth = depthFor(entries.length);
  const header: PngHeader = { width, height, depth, colourType: COLOUR_TYPES.palette };
  const lineLength = 1 + Math.ceil((width * depth) / 8);
  // Filters guess at neighbouring values, and numbers of colours have no neighbours: none, then.
  const lines = Buffer.alloc(height * lineLength);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 1) {
      const number = numbers[orders[at] ?? 0] ?? 0;
      const bit = x * depth;
      const byte = y * lineLength + 1 + (bit >> 3);
      lines[byte] = (lines[byte] ?? 0) | (number << (8 - depth - (bit & 7)));
    }
  }
  return writePng(header, chunksOf(entries), lines, 'repetitions');
}

/** How many bits a number takes. */
export function depthFor(colours: number): PngHeader['depth'] {
  if (colours <= 2) return 1;
  if (colours <= 4) return 2;
  return colours <= 16 ? 4 : 8;
}

/** How many bytes the palette takes before the first pixel. */
export function paletteBytes({ entries }: Palette): number {
  return chunksOf(entries).reduce((sum, { data }) => sum + CHUNK_OVERHEAD + data.length, 0);
}

function chunksOf(entries: Palette['entries']): Chunk[] {
  const samples = Buffer.from(entries.flatMap((c) => [c & 255, (c >> 8) & 255, (c >> 16) & 255]));
  const alphas = Buffer.from(entries.map((colour) => colour >>> 24));
  const opaqueFrom = alphas.findLastIndex((alpha) => alpha < 255) + 1;
  return [
    { type: 'PLTE', data: samples },
    ...(opaqueFrom > 0 ? [{ type: 'tRNS', data: alphas.subarray(0, opaqueFrom) } as const] : []),
  ];
}
