/** How far pictures are from each other, as people see it. Pure. */

/** Four bytes a pixel, sRGB, alpha not premultiplied. */
export type Pixels = {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
};

/** CIE L*a*b* of each pixel (D65) where it lies on white, three numbers each. */
export type Lab = {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
};

const LINEAR = Float64Array.from({ length: 256 }, (_, level) => linear(level / 255));
const CUBE_ROOT_STEPS = 8192;
const CUBE_ROOTS = Float64Array.from({ length: CUBE_ROOT_STEPS + 1 }, (_, step) =>
  lightnessOf(step / CUBE_ROOT_STEPS),
);

export function labOf({ width, height, data }: Pixels): Lab {
  const values = new Float32Array(width * height * 3);
  for (let from = 0, to = 0; to < values.length; from += 4, to += 3) {
    const alpha = (data[from + 3] ?? 0) / 255;
    const red = linearOnWhite(data[from] ?? 0, alpha);
    const green = linearOnWhite(data[from + 1] ?? 0, alpha);
    const blue = linearOnWhite(data[from + 2] ?? 0, alpha);
    const x = cubeRoot((0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047);
    const y = cubeRoot(0.2126729 * red + 0.7151522 * green + 0.072175 * blue);
    const z = cubeRoot((0.0193339 * red + 0.119192 * green + 0.9503041 * blue) / 1.08883);
    values[to] = 116 * y - 16;
    values[to + 1] = 500 * (x - y);
    values[to + 2] = 200 * (y - z);
  }
  return { width, height, values };
}

/** Mean over all pixels (CIE76); 2.3 are just noticeable. */
export function meanDifference({ values: one }: Lab, { values: other }: Lab): number {
  let sum = 0;
  for (let at = 0; at < one.length; at += 3) {
    const lightness = (one[at] ?? 0) - (other[at] ?? 0);
    const greenRed = (one[at + 1] ?? 0) - (other[at + 1] ?? 0);
    const blueYellow = (one[at + 2] ?? 0) - (other[at + 2] ?? 0);
    sum += Math.sqrt(lightness ** 2 + greenRed ** 2 + blueYellow ** 2);
  }
  return sum / (one.length / 3);
}

/** Of single colours, as above. */
export function differenceOf(one: readonly number[], other: readonly number[]): number {
  return meanDifference(labOfOne(one), labOfOne(other));
}

function labOfOne([red = 0, green = 0, blue = 0]: readonly number[]): Lab {
  return labOf({ width: 1, height: 1, data: Uint8Array.of(red, green, blue, 255) });
}

/** Mean, of 255. */
export function alphaDifference(one: Pixels, other: Pixels): number {
  let sum = 0;
  for (let at = 3; at < one.data.length; at += 4) {
    sum += Math.abs((one.data[at] ?? 0) - (other.data[at] ?? 0));
  }
  return sum / (one.data.length / 4);
}

/** On white, each four pixels as one: as from twice as far. */
export function halved({ width, height, data }: Pixels): Pixels {
  const [w, h] = [Math.floor(width / 2), Math.floor(height / 2)];
  const result = new Uint8Array(w * h * 4).fill(255);
  for (let pixel = 0; pixel < w * h; pixel += 1) {
    const first = (Math.floor(pixel / w) * 2 * width + (pixel % w) * 2) * 4;
    for (let channel = 0; channel < 3; channel += 1) {
      let sum = 0;
      for (const at of [first, first + 4, first + width * 4, first + width * 4 + 4]) {
        const alpha = (data[at + 3] ?? 0) / 255;
        sum += (data[at + channel] ?? 0) * alpha + 255 * (1 - alpha);
      }
      result[pixel * 4 + channel] = Math.round(sum / 4);
    }
  }
  return { width: w, height: h, data: result };
}

function linearOnWhite(level: number, alpha: number): number {
  return LINEAR[Math.round(level * alpha + 255 * (1 - alpha))] ?? 0;
}

/** IEC 61966-2-1. */
function linear(value: number): number {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

/** Of 0 to 1, a little more than 1 for white by rounding. */
function cubeRoot(share: number): number {
  return CUBE_ROOTS[Math.min(CUBE_ROOT_STEPS, Math.round(share * CUBE_ROOT_STEPS))] ?? 1;
}

function lightnessOf(share: number): number {
  return share > 216 / 24_389 ? Math.cbrt(share) : ((24_389 / 27) * share + 16) / 116;
}
