import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { intermediateSquare } from '../../src/render/intermediate-square.ts';
import { transformAll } from '../../src/render/transform.ts';
import { card, distanceFromCard, lookAt } from '../support/cards.ts';

const photo = { width: 4000, height: 3000, format: 'jpeg' } as const;

// Other squares make other pixels: who changes them raises the versions of all profiles.
describe('the square several sizes are made from', () => {
  it.each([
    [24, 331],
    [250, 331],
    [251, 600],
    [360, 600],
  ])('is, for %i pixels of a large JPEG, %i', (size, square) => {
    expect(intermediateSquare(photo, size)).toBe(square);
  });

  it('is the same for all sizes where the original is decoded in full for each', () => {
    const squares = [24, 144, 360].map((size) =>
      intermediateSquare({ ...photo, format: 'png' }, size),
    );
    expect(squares).toEqual([480, 480, 480]);
  });

  it('is none for sizes near its own', () => {
    expect(intermediateSquare(photo, 361)).toBeUndefined();
  });

  it('is, for an original smaller than what is asked for, the largest in it', () => {
    const small = { width: 90, height: 60, format: 'jpeg' } as const;
    expect(intermediateSquare(small, 61)).toBe(60);
    expect(intermediateSquare(small, 60)).toBeUndefined();
  });

  it('is none where a side of the original is not large', () => {
    expect(intermediateSquare({ ...photo, width: 9000, height: 1439 }, 48)).toBeUndefined();
  });

  it.each([
    [4000, 3000, 0.0005],
    [2160, 3240, 0.0005],
    [3840, 2160, 0.0005],
    // No camera has such sides: what is left of the last pixel is lost.
    [2725, 2225, 0.002],
    [3838, 2606, 0.002],
    [1777, 3001, 0.002],
  ])('is cut in the middle of %i by %i pixels, as near as %f', async (width, height, share) => {
    const original = await halves(width, height);
    for (const size of [24, 144, 180, 240]) {
      const square = intermediateSquare({ width, height, format: 'jpeg' }, size);
      const order = { size, format: 'png' } as const;
      const [variant] = await transformAll(original, { variants: [order], square });
      const { channels } = await sharp(variant).stats();
      const [dark] = channels;
      // So much of the picture is white that is black in the original, or the other way round.
      expect(Math.abs((dark?.mean ?? 0) / 255 - 0.5), `${size}`).toBeLessThan(share);
    }
  });
});

describe('sizes made from one decode', () => {
  let photo: Buffer;

  beforeAll(async () => {
    // Detail of all scales, with edges: what two steps of scaling would blur or alias.
    const noise = await sharp({
      create: {
        width: 250,
        height: 190,
        channels: 3,
        background: '#777',
        noise: { type: 'gaussian', mean: 128, sigma: 50 },
      },
    })
      .resize(2000, 1504, { kernel: 'nearest' })
      .png()
      .toBuffer();
    photo = await sharp(noise).blur(2).jpeg({ quality: 92 }).toBuffer();
  });

  it('are close to what the whole original, decoded in full, gives', async () => {
    const original = { width: 2000, height: 1504, format: 'jpeg' } as const;
    const middle = await sharp(photo)
      .extract({ left: 248, top: 0, width: 1504, height: 1504 })
      .png()
      .toBuffer();
    for (const size of [24, 48, 96, 144, 240, 288, 360]) {
      const order = { size, format: 'png' } as const;
      const square = intermediateSquare(original, size);
      const [variant] = await transformAll(photo, { variants: [order], square });
      const reference = await sharp(middle).resize(size, size).png().toBuffer();
      const difference = await meanDifference(variant ?? Buffer.alloc(0), reference);
      expect(difference, `${size}`).toBeLessThan(2.5);
    }
  });

  it('are upright, in order and of the right format', async () => {
    const original = await card(1500, 2000).jpeg().withMetadata({ orientation: 1 }).toBuffer();
    const variants = [
      { size: 24, format: 'png' },
      { size: 144, format: 'webp' },
      { size: 90, format: 'jpg' },
    ] as const;
    const made = await transformAll(original, { variants, square: 288 });
    expect(made).toHaveLength(3);
    for (const [index, { size, format }] of variants.entries()) {
      const variant = made[index] ?? Buffer.alloc(0);
      const picture = await lookAt(variant);
      expect(picture.width).toBe(size);
      expect(distanceFromCard(picture.corners)).toBeLessThan(25);
      const kind = (await sharp(variant).metadata()).format;
      expect(kind).toBe(format === 'jpg' ? 'jpeg' : format);
    }
  });

  it('keep transparency, and the colours of what is half transparent', async () => {
    const original = await sharp({
      create: {
        width: 1500,
        height: 1500,
        channels: 4,
        background: { r: 200, g: 100, b: 50, alpha: 0.5 },
      },
    })
      .png()
      .toBuffer();
    for (const format of ['png', 'webp', 'avif'] as const) {
      const [variant] = await transformAll(original, {
        variants: [{ size: 48, format }],
        square: 288,
      });
      const { data } = await sharp(variant).raw().toBuffer({ resolveWithObject: true });
      const wanted = [200, 100, 50, 128];
      for (const [channel, level] of wanted.entries()) {
        expect(Math.abs((data[channel] ?? 0) - level), `${format} ${channel}`).toBeLessThan(6);
      }
    }
  });

  it('are enlarged where the original is smaller, without a shift', async () => {
    const original = await card(60, 40).png().toBuffer();
    const variants = [
      { size: 48, format: 'png' },
      { size: 200, format: 'webp' },
    ] as const;
    for (const [index, variant] of (
      await transformAll(original, { variants, square: 40 })
    ).entries()) {
      const picture = await lookAt(variant);
      expect(picture.width).toBe(variants[index]?.size);
      expect(distanceFromCard(picture.corners)).toBeLessThan(12);
    }
  });
});

/** Of all channels of all pixels, in levels of 255. */
async function meanDifference(one: Buffer, other: Buffer): Promise<number> {
  const [a, b] = await Promise.all([sharp(one).raw().toBuffer(), sharp(other).raw().toBuffer()]);
  expect(a.length).toBe(b.length);
  return a.reduce((sum, value, index) => sum + Math.abs(value - (b[index] ?? 0)), 0) / a.length;
}

/** Black on one side of its middle, white on the other; the longer side is the one that is cropped. */
async function halves(width: number, height: number): Promise<Buffer> {
  const isWide = width > height;
  const shade = isWide ? { width: width / 2, height } : { width, height: height / 2 };
  const pixels = Buffer.alloc(width * height);
  for (let at = 0; at < pixels.length; at += 1) {
    const [x, y] = [at % width, Math.floor(at / width)];
    const beyond = isWide ? x + 1 - shade.width : y + 1 - shade.height;
    pixels[at] = Math.round(255 * Math.min(1, Math.max(0, beyond)));
  }
  return await sharp(pixels, { raw: { width, height, channels: 1 } })
    .jpeg({ quality: 95 })
    .toBuffer();
}
