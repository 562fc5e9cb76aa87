/** Shapes as closed polygons, in units of the em square, y pointing down. */

/** One polygon a contour: x0, y0, x1, y1, … Filled by the non-zero rule. */
export type Outline = readonly Float32Array[];

type Box = {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
};

// How far a chord may stray from its curve: a sixth of a pixel on a letter 1000 pixels wide.
const TOLERANCE = 1 / 4096;

/**
 * Collects contours and flattens their curves. Only + - * / and square roots are used, which IEEE 754
 * defines to the last bit: every machine gets the same polygons.
 */
export class Pen {
  readonly #contours: Float32Array[] = [];
  #points: number[] = [];
  #x = 0;
  #y = 0;

  moveTo(x: number, y: number): void {
    this.close();
    this.lineTo(x, y);
  }

  lineTo(x: number, y: number): void {
    this.#points.push(x, y);
    this.#x = x;
    this.#y = y;
  }

  quadraticTo(cx: number, cy: number, x: number, y: number): void {
    const [x0, y0] = [this.#x, this.#y];
    const bend = length(x0 - 2 * cx + x, y0 - 2 * cy + y);
    const pieces = piecesFor(bend / 4);
    for (let piece = 1; piece < pieces; piece++) {
      const t = piece / pieces;
      const s = 1 - t;
      this.#points.push(
        s * s * x0 + 2 * s * t * cx + t * t * x,
        s * s * y0 + 2 * s * t * cy + t * t * y,
      );
    }
    this.lineTo(x, y);
  }

  cubicTo(ax: number, ay: number, bx: number, by: number, x: number, y: number): void {
    const [x0, y0] = [this.#x, this.#y];
    const bend = Math.max(
      length(x0 - 2 * ax + bx, y0 - 2 * ay + by),
      length(ax - 2 * bx + x, ay - 2 * by + y),
    );
    const pieces = piecesFor(bend * 0.75);
    for (let piece = 1; piece < pieces; piece++) {
      const t = piece / pieces;
      const s = 1 - t;
      this.#points.push(
        s * s * s * x0 + 3 * s * s * t * ax + 3 * s * t * t * bx + t * t * t * x,
        s * s * s * y0 + 3 * s * s * t * ay + 3 * s * t * t * by + t * t * t * y,
      );
    }
    this.lineTo(x, y);
  }

  close(): void {
    // Less than a triangle encloses nothing.
    if (this.#points.length >= 6) this.#contours.push(Float32Array.from(this.#points));
    this.#points = [];
  }

  finish(): Outline {
    this.close();
    return this.#contours;
  }
}

/** The smallest box around an outline that is not empty. */
export function boxOf(outline: Outline): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of pointsOf(outline)) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return { left, top, right, bottom };
}

function* pointsOf(outline: Outline): Generator<readonly [x: number, y: number]> {
  for (const contour of outline) {
    for (let at = 0; at + 1 < contour.length; at += 2) {
      yield [contour[at] ?? 0, contour[at + 1] ?? 0];
    }
  }
}

function length(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}

/** A curve cut into n pieces strays n² times less from its chords. */
function piecesFor(stray: number): number {
  return Math.max(1, Math.ceil(Math.sqrt(stray / TOLERANCE)));
}
