/** Drawings of more colours than a palette holds, most of them blends on the edges of shapes. */

/** Of 255, for each channel as it is seen: a colour counts as much as its alpha lets through. */
const MOST_DIFFERENCE = 1;

/**
 * Gives colours that nobody can tell apart one number, the most frequent of them first, which so
 * stay as they are.
 * @returns the number of each colour, and which colour has each number; undefined when too many are left
 */
export function mergeColours(
  colours: ReadonlyMap<number, number>,
  most: number,
): { palette: number[]; numbers: Map<number, number> } | undefined {
  const palette: number[] = [];
  const numbers = new Map<number, number>();
  for (const [colour] of [...colours].toSorted(([, a], [, b]) => b - a)) {
    let number = palette.findIndex((entry) => isAlike(entry, colour));
    if (number === -1) {
      if (palette.length === most) return undefined;
      number = palette.push(colour) - 1;
    }
    numbers.set(colour, number);
  }
  return { palette, numbers };
}

function isAlike(one: number, other: number): boolean {
  const [a, b] = [one >>> 24, other >>> 24];
  // Nothing that is opaque becomes transparent, nor the other way round.
  if (a !== b && (Math.abs(a - b) > MOST_DIFFERENCE || isEnd(a) || isEnd(b))) return false;
  for (let shift = 0; shift < 24; shift += 8) {
    const seen = ((one >>> shift) & 255) * a - ((other >>> shift) & 255) * b;
    if (Math.abs(seen) > MOST_DIFFERENCE * 255) return false;
  }
  return true;
}

function isEnd(alpha: number): boolean {
  return alpha === 0 || alpha === 255;
}
