/** Pictures of at most 256 colours: each pixel is the number of its colour, in as few bits as will do. */
import { type Chunk, COLOUR_TYPES, type PngHeader, writePng } from './container.ts';
import { colourAt, type Pixels } from './survey.ts';

export const LARGEST_PALETTE = 256;

/** @param numbers of all colours that occur, from 0 on; several colours may have one number */
export function encodePalette(
  pixels: Pixels,
  palette: readonly number[],
  numbers: ReadonlyMap<number, number>,
): Buffer {
  const { width, height, channels } = pixels;
  const depth = depthFor(palette.length);
  const header: PngHeader = { width, height, depth, colourType: COLOUR_TYPES.palette };
  const lineLength = 1 + Math.ceil((width * depth) / 8);
  // Filters guess at neighbouring values, and numbers of colours have no neighbours: none, then.
  const lines = Buffer.alloc(height * lineLength);
  let last = -1;
  let number = 0;
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += channels) {
      const colour = colourAt(pixels, at);
      if (colour !== last) [last, number] = [colour, numbers.get(colour) ?? 0];
      const bit = x * depth;
      const byte = y * lineLength + 1 + (bit >> 3);
      lines[byte] = (lines[byte] ?? 0) | (number << (8 - depth - (bit & 7)));
    }
  }
  return writePng(header, paletteChunks(palette), lines, 'repetitions');
}

function depthFor(colours: number): PngHeader['depth'] {
  if (colours <= 2) return 1;
  if (colours <= 4) return 2;
  return colours <= 16 ? 4 : 8;
}

/** Transparency is told up to the last colour that has any, so those come first. */
export function inPaletteOrder(colours: Iterable<number>): number[] {
  return [...colours].toSorted((a, b) => a - b);
}

function paletteChunks(palette: readonly number[]): Chunk[] {
  const colours = Buffer.from(palette.flatMap((c) => [c & 255, (c >> 8) & 255, (c >> 16) & 255]));
  const alphas = Buffer.from(palette.map((colour) => colour >>> 24));
  const opaqueFrom = alphas.findLastIndex((alpha) => alpha < 255) + 1;
  return [
    { type: 'PLTE', data: colours },
    ...(opaqueFrom > 0 ? [{ type: 'tRNS', data: alphas.subarray(0, opaqueFrom) } as const] : []),
  ];
}
