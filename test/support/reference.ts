/**
 * What becomes of a picture when every pixel is scaled by the book: Lanczos for what gets smaller,
 * Catmull-Rom for what gets larger, alpha premultiplied. Pure; slow, and nothing of the service is in it.
 */
import type { Seen } from './browser-decoder.ts';
import type { Pixels } from './colour.ts';

/** In pixels of the result. */
export type Shift = { readonly right: number; readonly down: number };

const NO_SHIFT: Shift = { right: 0, down: 0 };

/** The square in the middle of it, of this size. */
export function referenceOf(
  { width, height, square }: Seen,
  size: number,
  { right, down }: Shift = NO_SHIFT,
): Pixels {
  const edge = square.width;
  const side = Math.min(width, height);
  const samples = premultiplied(square.data);
  const across = stretch(samples, edge, walk(width, { side, edge, size, shift: right }));
  const both = stretch(across, edge, walk(height, { side, edge, size, shift: down }));
  return { width: size, height: size, data: toBytes(both) };
}

/** Where in a line of the square the middles of the pixels to be are. */
type Walk = { readonly start: number; readonly step: number; readonly steps: number };

/**
 * All of the picture is scaled to whole pixels before its middle is cut out, which stretches it by a
 * little; what is enlarged is cut first.
 */
function walk(
  length: number,
  { side, edge, size, shift }: { side: number; edge: number; size: number; shift: number },
): Walk {
  const isEnlarged = side < size;
  const [whole, cut] = isEnlarged ? [size, side] : [Math.round((length * size) / side), length];
  const [before, skipped] = [Math.ceil((whole - size) / 2), Math.ceil((cut - side) / 2)];
  const step = (cut / whole) * (edge / side);
  return {
    start: (before + shift + 0.5) * step - skipped * (edge / side) - 0.5,
    step,
    steps: size,
  };
}

/** Along lines, which become columns. */
function stretch(
  samples: Float32Array,
  length: number,
  { start, step, steps }: Walk,
): Float32Array {
  const lines = samples.length / 4 / length;
  const result = new Float32Array(steps * lines * 4);
  const { kernel, reach } = step > 1 ? LANCZOS : CATMULL_ROM;
  const scale = Math.max(1, step);
  for (let to = 0; to < steps; to += 1) {
    const centre = start + to * step;
    const first = Math.ceil(centre - reach * scale);
    const taps = Array.from({ length: Math.floor(centre + reach * scale) - first + 1 }, (_, tap) =>
      kernel(Math.abs(first + tap - centre) / scale),
    );
    const total = taps.reduce((sum, weight) => sum + weight, 0);
    for (let line = 0; line < lines; line += 1) {
      let [a, b, c, d] = [0, 0, 0, 0];
      for (let tap = 0; tap < taps.length; tap += 1) {
        // Beyond its ends a line goes on as it ended.
        const from = (line * length + Math.min(length - 1, Math.max(0, first + tap))) * 4;
        const share = (taps[tap] ?? 0) / total;
        a += share * (samples[from] ?? 0);
        b += share * (samples[from + 1] ?? 0);
        c += share * (samples[from + 2] ?? 0);
        d += share * (samples[from + 3] ?? 0);
      }
      result.set([a, b, c, d], (to * lines + line) * 4);
    }
  }
  return result;
}

const LANCZOS = { kernel: (x: number): number => (x < 3 ? sinc(x) * sinc(x / 3) : 0), reach: 3 };
const CATMULL_ROM = { kernel: catmullRom, reach: 2 };

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function catmullRom(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x ** 2 + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

function premultiplied(data: Uint8Array): Float32Array {
  const samples = Float32Array.from(data);
  for (let at = 0; at < samples.length; at += 4) {
    const alpha = (samples[at + 3] ?? 0) / 255;
    for (let channel = at; channel < at + 3; channel += 1) {
      samples[channel] = (samples[channel] ?? 0) * alpha;
    }
  }
  return samples;
}

function toBytes(samples: Float32Array): Uint8Array {
  const bytes = new Uint8ClampedArray(samples.length);
  for (let at = 0; at < samples.length; at += 4) {
    const alpha = Math.min(255, Math.max(0, samples[at + 3] ?? 0));
    for (let channel = at; channel < at + 3; channel += 1) {
      bytes[channel] = alpha === 0 ? 0 : ((samples[channel] ?? 0) * 255) / alpha;
    }
    bytes[at + 3] = alpha;
  }
  return new Uint8Array(bytes.buffer);
}

/** A square as an EXIF orientation has it shown. */
export function turned({ width: edge, height, data }: Pixels, orientation: number): Pixels {
  const result = new Uint8Array(data.length);
  const from = STORED[orientation] ?? STORED[1];
  for (let y = 0; y < edge; y += 1) {
    for (let x = 0; x < edge; x += 1) {
      const [fromX, fromY] = from(x, y, edge - 1);
      const at = (fromY * edge + fromX) * 4;
      result.set(data.subarray(at, at + 4), (y * edge + x) * 4);
    }
  }
  return { width: edge, height, data: result };
}

type Place = readonly [x: number, y: number];
type Move = (x: number, y: number, last: number) => Place;

/** Where in the stored picture what is shown at a place comes from. */
const STORED: Readonly<Record<number, Move>> & { readonly 1: Move } = {
  1: (x, y) => [x, y],
  2: (x, y, last) => [last - x, y],
  3: (x, y, last) => [last - x, last - y],
  4: (x, y, last) => [x, last - y],
  5: (x, y) => [y, x],
  6: (x, y, last) => [y, last - x],
  7: (x, y, last) => [last - y, last - x],
  8: (x, y, last) => [last - y, x],
};
