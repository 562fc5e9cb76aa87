import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { enlarge } from '../../src/render/enlarge.ts';
import type { Pixels } from '../../src/render/png/survey.ts';

/** A light square in the middle of a dark one. */
function target(edge: number): Pixels {
  const data = Buffer.alloc(edge * edge, 10);
  for (let y = edge / 4; y < (edge * 3) / 4; y += 1) {
    data.fill(200, y * edge + edge / 4, y * edge + (edge * 3) / 4);
  }
  return { width: edge, height: edge, channels: 1, data };
}

describe('an enlarged picture', () => {
  it.each([
    [32, 64],
    [32, 48],
    [64, 72],
    [4, 288],
    [200, 201],
  ])('of %i pixels at %i stays where it was', (from, to) => {
    const { data } = enlarge(target(from), to);
    // Mirrored, every pixel meets its own kind: half a pixel's shift would show at both edges.
    const opposite = data.toReversed();
    const worst = data.reduce(
      (most, level, at) => Math.max(most, Math.abs(level - (opposite[at] ?? -9))),
      0,
    );
    expect(worst).toBeLessThanOrEqual(1);
  });

  it('keeps an even surface as it is, to its edges', () => {
    const data = Buffer.from(Array.from({ length: 9 }, () => [200, 100, 50, 128]).flat());
    const large = enlarge({ width: 3, height: 3, channels: 4, data }, 40);
    expect(large).toMatchObject({ width: 40, height: 40, channels: 4 });
    expect(large.data).toEqual(
      Buffer.from(Array.from({ length: 1600 }, () => [200, 100, 50, 128]).flat()),
    );
  });

  it('lets no colour of what is transparent shine through', () => {
    const data = Buffer.from([255, 0, 0, 255, 0, 255, 0, 0, 255, 0, 0, 255, 0, 255, 0, 0]);
    const large = enlarge({ width: 2, height: 2, channels: 4, data }, 16);
    expect(large.data.filter((_, at) => at % 4 === 1).every((green) => green === 0)).toBe(true);
  });

  it('is near to what a picture was before it was reduced', async () => {
    const gradient = Buffer.from(Array.from({ length: 64 * 64 }, (_, at) => (at % 64) * 4));
    const raw = { width: 64, height: 64, channels: 1 } as const;
    const { data, info } = await sharp(gradient, { raw })
      .resize(32, 32)
      .toColourspace('b-w')
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(1);
    const large = enlarge({ width: 32, height: 32, channels: 1, data }, 64);
    const middle = [...large.data.subarray(64 * 32 + 8, 64 * 32 + 56)];
    for (const [index, level] of middle.entries()) {
      expect(Math.abs(level - (index + 8) * 4)).toBeLessThanOrEqual(2);
    }
  });
});
