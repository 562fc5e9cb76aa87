import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { sharedSquare } from '../../src/render/shared-decode.ts';
import { transformAll } from '../../src/render/transform.ts';
import { card, distanceFromCard, lookAt } from '../support/cards.ts';

describe('the square several sizes are made from', () => {
  it.each([
    [24, 288],
    [144, 288],
    [145, 720],
    [360, 720],
  ])('is, for %i pixels of a large original, %i', (size, square) => {
    expect(sharedSquare({ width: 4000, height: 3000 }, size)).toBe(square);
  });

  it('is none for sizes near its own', () => {
    expect(sharedSquare({ width: 4000, height: 3000 }, 361)).toBeUndefined();
  });

  it('is, for an original smaller than what is asked for, the largest in it', () => {
    expect(sharedSquare({ width: 90, height: 60 }, 61)).toBe(60);
    expect(sharedSquare({ width: 90, height: 60 }, 60)).toBeUndefined();
  });

  it('is none where a side of the original is not large', () => {
    expect(sharedSquare({ width: 9000, height: 1439 }, 48)).toBeUndefined();
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
      .resize(2000, 1500, { kernel: 'nearest' })
      .png()
      .toBuffer();
    photo = await sharp(noise).blur(2).jpeg({ quality: 92 }).toBuffer();
  });

  it('are close to what the whole original, decoded in full, gives', async () => {
    for (const [square, sizes] of [
      [288, [24, 48, 96, 144]],
      [720, [240, 288, 360]],
    ] as const) {
      const variants = sizes.map((size) => ({ size, format: 'png' as const }));
      const together = await transformAll(photo, { variants, square });
      for (const [index, order] of variants.entries()) {
        const reference = await sharp(photo)
          .resize(order.size, order.size, { fit: 'cover', fastShrinkOnLoad: false })
          .png()
          .toBuffer();
        const difference = await meanDifference(together[index] ?? Buffer.alloc(0), reference);
        expect(difference, `${order.size}`).toBeLessThan(2.5);
      }
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
