/** Drawings of more colours than a palette holds, most of them blends on the edges of shapes. */
import type { Colours } from './colours.ts';
import { type Palette, paletteOf } from './palette.ts';

/** How much each channel may differ as it is seen, of 255. */
const MOST_DIFFERENCE = 1;

/**
 * A palette where one entry stands for all colours that nobody can tell from it. The most frequent come
 * first, and so stay as they are.
 * @returns undefined when too many entries are left
 */
export function mergeColours(colours: Colours, most: number): Palette | undefined {
  const { values, counts, size } = colours;
  const kept = new Kept();
  const entryOf = new Uint32Array(size);
  const byCount = Array.from({ length: size }, (_, order) => order).toSorted(
    (a, b) => (counts[b] ?? 0) - (counts[a] ?? 0),
  );
  for (const order of byCount) {
    const colour = values[order] ?? 0;
    const alike = kept.findAlike(colour);
    entryOf[order] = alike ?? colour;
    if (alike !== undefined) continue;
    kept.add(colour);
    if (kept.size > most) return undefined;
  }
  return paletteOf(colours, entryOf);
}

/** Entries filed by how bright their green is on black: a colour is compared with few of them. */
class Kept {
  size = 0;
  readonly #byGreen = Array.from({ length: 256 }, (): number[] => []);

  add(colour: number): void {
    this.#byGreen[greenOf(colour)]?.push(colour);
    this.size += 1;
  }

  findAlike(colour: number): number | undefined {
    const green = greenOf(colour);
    for (let each = green - MOST_DIFFERENCE; each <= green + MOST_DIFFERENCE; each += 1) {
      const found = this.#byGreen[each]?.find((other) => isAlike(other, colour));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function greenOf(colour: number): number {
  return Math.round((((colour >>> 8) & 255) * (colour >>> 24)) / 255);
}

/** Whether they look alike on black and on white, and so on all between. */
function isAlike(one: number, other: number): boolean {
  const [a, b] = [one >>> 24, other >>> 24];
  // Nothing that is opaque becomes transparent, nor the other way round.
  if (a !== b && (Math.abs(a - b) > MOST_DIFFERENCE || isEnd(a) || isEnd(b))) return false;
  for (let shift = 0; shift < 24; shift += 8) {
    const onBlack = ((one >>> shift) & 255) * a - ((other >>> shift) & 255) * b;
    const onWhite = onBlack - 255 * (a - b);
    if (Math.max(Math.abs(onBlack), Math.abs(onWhite)) > MOST_DIFFERENCE * 255) return false;
  }
  return true;
}

function isEnd(alpha: number): boolean {
  return alpha === 0 || alpha === 255;
}
