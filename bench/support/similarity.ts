/**
 * How alike two pictures look, from 0 to 1: multi-scale SSIM (Wang, Simoncelli and Bovik, 2003), not
 * on grey levels but on Oklab's lightness and both of its colour planes, so that a shift of hue counts
 * as a blur does. Small pictures are compared at as many scales as they have. Pure.
 */
import { srgbToOklab } from './oklab.ts';

/** Four bytes a pixel, sRGB, alpha not premultiplied. */
export type Pixels = {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
};

type Plane = { readonly width: number; readonly height: number; readonly values: Float32Array };

/** A plane at one scale, with the means in and the squares over its windows. */
type Scale = {
  readonly plane: Plane;
  readonly means: Float32Array;
  readonly squares: Float32Array;
};

/** What each scale counts, from the finest; those a picture does not have are left out. */
const SCALES = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
const SMALLEST_EDGE = 11;
/** Lightness, green to red, blue to yellow. */
const PLANES = [0.8, 0.1, 0.1];
/** What transparency does is seen on what is behind it. */
const BACKGROUNDS = [0, 255];

/** SSIM's constants for values from 0 to 1: differences too small to see count little. */
const C1 = 0.01 ** 2;
const C2 = 0.03 ** 2;
const REACH = 4;
const WINDOW = gaussian(1.5, REACH);

export function similarity(reference: Pixels, other: Pixels): number {
  return comparedWith(reference)(other);
}

/**
 * The same for many of one reference, whose half of the work is done once.
 * @returns a function that throws an Error when sizes differ
 */
export function comparedWith(reference: Pixels): (other: Pixels) => number {
  const known = new Map(BACKGROUNDS.map((grey) => [grey, planesOn(reference, grey).map(scalesOf)]));
  return (other) => {
    const { width, height } = other;
    if (reference.width !== width || reference.height !== height) {
      throw new Error(
        `${width}×${height}, the reference is ${reference.width}×${reference.height}`,
      );
    }
    const isOpaque = !hasTransparency(reference) && !hasTransparency(other);
    const scores = [...known].slice(isOpaque ? 1 : 0).map(([grey, planes]) =>
      planesOn(other, grey).reduce((sum, plane, index) => {
        const scales = planes[index] ?? [];
        return sum + (PLANES[index] ?? 0) * multiScale(scales, scalesOf(plane));
      }, 0),
    );
    return Math.min(...scores);
  };
}

function hasTransparency({ data }: Pixels): boolean {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return true;
  return false;
}

function planesOn({ width, height, data }: Pixels, background: number): Plane[] {
  const planes = PLANES.map(() => new Float32Array(width * height));
  const [lightness, redness, yellowness] = planes;
  for (let pixel = 0, at = 0; pixel < width * height; pixel += 1, at += 4) {
    const alpha = (data[at + 3] ?? 0) / 255;
    const behind = background * (1 - alpha);
    const [light, red, yellow] = srgbToOklab(
      Math.round((data[at] ?? 0) * alpha + behind),
      Math.round((data[at + 1] ?? 0) * alpha + behind),
      Math.round((data[at + 2] ?? 0) * alpha + behind),
    );
    if (lightness) lightness[pixel] = light;
    if (redness) redness[pixel] = red;
    if (yellowness) yellowness[pixel] = yellow;
  }
  return planes.map((values) => ({ width, height, values }));
}

function scalesOf(plane: Plane): Scale[] {
  const scales: Scale[] = [];
  for (let left = plane; scales.length < SCALES.length; left = halved(left)) {
    if (scales.length > 0 && Math.min(left.width, left.height) < SMALLEST_EDGE) break;
    const squares = blurred({ ...left, values: product(left, left) });
    scales.push({ plane: left, means: blurred(left), squares });
  }
  return scales;
}

function multiScale(reference: readonly Scale[], other: readonly Scale[]): number {
  const weights = SCALES.slice(0, reference.length);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.reduce((score, weight, index) => {
    const [one, two] = [reference[index], other[index]];
    if (one === undefined || two === undefined) return score;
    const { luminance, structure } = compare(one, two);
    const isCoarsest = index === weights.length - 1;
    // What is opposite is as bad as what has nothing in common; and negative numbers have no roots.
    const value = Math.max(0, structure) * (isCoarsest ? Math.max(0, luminance) : 1);
    return score * value ** (weight / total);
  }, 1);
}

/** Means over all windows. */
function compare(a: Scale, b: Scale): { luminance: number; structure: number } {
  const products = blurred({ ...a.plane, values: product(a.plane, b.plane) });
  let luminance = 0;
  let structure = 0;
  for (let index = 0; index < a.means.length; index += 1) {
    const [x, y] = [a.means[index] ?? 0, b.means[index] ?? 0];
    luminance += (2 * x * y + C1) / (x * x + y * y + C1);
    const variances = (a.squares[index] ?? 0) - x * x + (b.squares[index] ?? 0) - y * y;
    structure += (2 * ((products[index] ?? 0) - x * y) + C2) / (variances + C2);
  }
  return { luminance: luminance / a.means.length, structure: structure / a.means.length };
}

function product(a: Plane, b: Plane): Float32Array {
  const values = new Float32Array(a.values.length);
  for (let index = 0; index < values.length; index += 1) {
    values[index] = (a.values[index] ?? 0) * (b.values[index] ?? 0);
  }
  return values;
}

/** By the window, one way and then the other. */
function blurred({ width, height, values }: Plane): Float32Array {
  return blurredAcross(blurredAcross(values, width, height), height, width);
}

/** Along lines; columns and lines are exchanged in the result, for the next call to do the rest. */
function blurredAcross(values: Float32Array, length: number, lines: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let line = 0; line < lines; line += 1) {
    for (let at = 0; at < length; at += 1) {
      const from = Math.max(0, at - REACH);
      const to = Math.min(length - 1, at + REACH);
      let sum = 0;
      for (let each = from; each <= to; each += 1) {
        sum += (WINDOW[each - at + REACH] ?? 0) * (values[line * length + each] ?? 0);
      }
      // Beyond the ends of a line nothing is weighed.
      const whole = to - from === 2 * REACH;
      result[at * lines + line] = whole ? sum : sum / weightOf(from - at, to - at);
    }
  }
  return result;
}

function weightOf(from: number, to: number): number {
  return WINDOW.slice(from + REACH, to + REACH + 1).reduce((sum, weight) => sum + weight, 0);
}

function gaussian(sigma: number, reach: number): Float64Array {
  const weights = Float64Array.from({ length: 2 * reach + 1 }, (_, tap) =>
    Math.exp(-((tap - reach) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function halved({ width, height, values }: Plane): Plane {
  const [w, h] = [Math.floor(width / 2), Math.floor(height / 2)];
  const half = new Float32Array(w * h);
  for (let y = 0; y < h; y += 1) {
    for (let x = 0; x < w; x += 1) {
      const at = 2 * y * width + 2 * x;
      const above = (values[at] ?? 0) + (values[at + 1] ?? 0);
      const below = (values[at + width] ?? 0) + (values[at + width + 1] ?? 0);
      half[y * w + x] = (above + below) / 4;
    }
  }
  return { width: w, height: h, values: half };
}
