/** Polygons to pixels. */
import type { Outline } from './outline.ts';

/** Where the em square goes: pixel = unit × scale + offset. */
type Placement = { readonly scale: number; readonly x: number; readonly y: number };

// Rows are sampled so often from top to bottom, and measured exactly from left to right: the
// steps of a nearly horizontal edge are then 1/16 of the contrast, below what an eye sees.
const LINES = 16;

type Edge = {
  /** First and last sample line crossed. */
  readonly first: number;
  readonly last: number;
  /** x = x0 + slope × y, in pixels. */
  readonly x0: number;
  readonly slope: number;
  readonly winding: 1 | -1;
};

type Crossing = { readonly edge: Edge; x: number };

/**
 * How much of each pixel of a square the outline covers, 0–255, row by row. What lies outside of the
 * square is cut off.
 */
export function coverage(outline: Outline, placement: Placement, size: number): Uint8Array {
  const mask = new Uint8Array(size * size);
  const edges = edgesOf(outline, placement, size * LINES);
  const row = new Float64Array(size);
  let next = 0;
  let active: Crossing[] = [];
  for (let y = 0; y < size; y++) {
    const below = (y + 1) * LINES;
    if (active.length === 0 && (edges[next]?.first ?? Infinity) >= below) continue;
    row.fill(0);
    for (let line = y * LINES; line < below; line++) {
      active = active.filter(({ edge }) => edge.last >= line);
      for (let edge = edges[next]; edge !== undefined && edge.first <= line; edge = edges[next]) {
        active.push({ edge, x: 0 });
        next++;
      }
      const height = (line + 0.5) / LINES;
      for (const crossing of active) crossing.x = crossing.edge.x0 + crossing.edge.slope * height;
      sortByX(active);
      addSpans(row, active);
    }
    for (let x = 0; x < size; x++) {
      mask[y * size + x] = Math.min(255, Math.floor(((row[x] ?? 0) * 255) / LINES + 0.5));
    }
  }
  return mask;
}

/** Sorted by the first line each crosses. */
function edgesOf(outline: Outline, { scale, x, y }: Placement, lines: number): Edge[] {
  const edges: Edge[] = [];
  for (const contour of outline) {
    const end = contour.length;
    for (let at = 0; at + 1 < end; at += 2) {
      const edge = edgeBetween(
        (contour[at] ?? 0) * scale + x,
        (contour[at + 1] ?? 0) * scale + y,
        (contour[(at + 2) % end] ?? 0) * scale + x,
        (contour[(at + 3) % end] ?? 0) * scale + y,
        lines,
      );
      if (edge !== undefined) edges.push(edge);
    }
  }
  return edges.toSorted((a, b) => a.first - b.first);
}

function edgeBetween(
  ax: number,
  ay: number,
  bx: number,
  by: number,
  lines: number,
): Edge | undefined {
  const [top, bottom] = ay < by ? [ay, by] : [by, ay];
  const first = Math.max(0, Math.ceil(top * LINES - 0.5));
  const last = Math.min(lines, Math.ceil(bottom * LINES - 0.5)) - 1;
  if (last < first) return undefined;
  const slope = (bx - ax) / (by - ay);
  return { first, last, x0: ax - slope * ay, slope, winding: ay < by ? 1 : -1 };
}

/** By insertion: from one line to the next the order hardly changes. */
function sortByX(crossings: Crossing[]): void {
  for (const [at, moving] of crossings.entries()) {
    let hole = at;
    for (;;) {
      const left = crossings[hole - 1];
      if (left === undefined || left.x <= moving.x) break;
      crossings[hole] = left;
      hole--;
    }
    crossings[hole] = moving;
  }
}

function addSpans(row: Float64Array, crossings: readonly Crossing[]): void {
  let winding = 0;
  let start = 0;
  for (const { edge, x } of crossings) {
    if (winding === 0) start = x;
    winding += edge.winding;
    if (winding === 0) addSpan(row, Math.max(0, start), Math.min(row.length, x));
  }
}

function addSpan(row: Float64Array, from: number, to: number): void {
  if (to <= from) return;
  const first = Math.floor(from);
  const last = Math.min(row.length - 1, Math.floor(to));
  if (first === last) {
    add(row, first, to - from);
    return;
  }
  add(row, first, first + 1 - from);
  for (let x = first + 1; x < last; x++) add(row, x, 1);
  add(row, last, to - last);
}

function add(row: Float64Array, x: number, amount: number): void {
  row[x] = (row[x] ?? 0) + amount;
}
