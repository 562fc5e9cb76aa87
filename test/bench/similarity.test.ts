import sharp, { type Sharp } from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { comparedWith, type Pixels, similarity } from '../../bench/support/similarity.ts';

/** Ways to damage the demo's photograph, each in steps that get worse. */
const DAMAGE = {
  'JPEG of low quality': (step: number) => (picture: Sharp) =>
    picture.jpeg({ quality: 90 - step * 25 }),
  blur: (step: number) => (picture: Sharp) => picture.blur(0.8 + step * 0.6).png(),
  'a shift of hue': (step: number) => (picture: Sharp) =>
    picture.modulate({ hue: 8 + step * 20 }).png(),
  'less contrast': (step: number) => (picture: Sharp) =>
    picture.linear(0.9 - step * 0.2, 12 + step * 25).png(),
} as const;

let photograph: Buffer;
let reference: Pixels;

beforeAll(async () => {
  photograph = await sharp('demo/demo/photo/1').resize(96, 96).png().toBuffer();
  reference = await pixels(photograph);
});

async function pixels(picture: Buffer): Promise<Pixels> {
  const { data, info } = await sharp(picture)
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

describe('similarity', () => {
  it('is 1 of a picture with itself, and the same both ways', async () => {
    expect(similarity(reference, reference)).toBeCloseTo(1, 6);
    const other = await pixels(await sharp(photograph).blur(1).png().toBuffer());
    expect(similarity(reference, other)).toBeCloseTo(similarity(other, reference), 6);
  });

  it.each(Object.entries(DAMAGE))('falls with each step of %s', async (_, damage) => {
    const compare = comparedWith(reference);
    let before = 1;
    for (const step of [0, 1, 2]) {
      const damaged = await damage(step)(sharp(photograph)).toBuffer();
      const score = compare(await pixels(damaged));
      expect(score).toBeLessThan(before - 0.0005);
      before = score;
    }
    expect(before).toBeLessThan(0.99);
  });

  it('hardly falls with differences of one level, which nobody sees', () => {
    const data = Uint8Array.from(reference.data, (level, at) =>
      at % 4 === 3 ? level : Math.min(255, level + ((at * 7) % 3) - 1),
    );
    expect(similarity(reference, { ...reference, data })).toBeGreaterThan(0.997);
  });

  it('is near nothing of another picture', async () => {
    const owl = await pixels(await sharp('demo/demo/owl/2').resize(96, 96).png().toBuffer());
    expect(similarity(reference, owl)).toBeLessThan(0.5);
  });

  it('sees a transparency that is missing', async () => {
    const owl = sharp('demo/demo/owl/2').resize(96, 96);
    const transparent = await pixels(await owl.clone().png().toBuffer());
    const onWhite = await pixels(
      await owl.clone().flatten({ background: '#fff' }).png().toBuffer(),
    );
    expect(similarity(transparent, onWhite)).toBeLessThan(0.8);
  });

  it('does not compare pictures of different sizes', () => {
    const other = { width: 95, height: 96, data: new Uint8Array(95 * 96 * 4) };
    expect(() => similarity(reference, other)).toThrow('95×96');
  });
});
