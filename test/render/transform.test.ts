import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { drawLetter } from '../../src/letters/draw.ts';
import { LETTERS_VERSION, PROFILE_VERSIONS } from '../../src/render/profiles.ts';
import { intermediateSquare } from '../../src/render/intermediate-square.ts';
import { encodeLetter, lockDecoders, transform, transformAll } from '../../src/render/transform.ts';
import { FORMATS, isFormat, isMoving } from '../../src/vocabulary/formats.ts';
import { inspector } from '../inspect/support.ts';
import { animation, watch } from '../support/animations.ts';
import { card, distanceFromCard, lookAt } from '../support/cards.ts';
import { type Lab, labOf, meanDifference } from '../support/colour.ts';

const formats = Object.keys(FORMATS).filter(isFormat);

/** By EXIF orientation: whether the camera's picture is mirrored, and by how much it is turned. */
const STORED: Record<number, [boolean, number]> = {
  1: [false, 0],
  2: [true, 0],
  3: [false, 180],
  4: [true, 180],
  5: [true, 270],
  6: [false, 270],
  7: [true, 90],
  8: [false, 90],
};

let unlocked: { svg: Buffer; tiff: Buffer };

beforeAll(async () => {
  unlocked = {
    svg: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    tiff: await card(8, 8).tiff().toBuffer(),
  };
  lockDecoders();
});

describe('a variant', () => {
  it.each(formats)(
    'as %s is a square of the exact size, upright, in the right colours',
    async (format) => {
      const original = await card(301, 200).png().toBuffer();
      for (const size of [8, 48, 240]) {
        const picture = await lookAt(await transform(original, { size, format }));
        expect(picture).toMatchObject({ width: size, height: size });
        // Of 8 pixels two are a block of lossy WebP's colours; what is turned is off by 150.
        expect(distanceFromCard(picture.corners), `${format} ${size}`).toBeLessThan(40);
      }
    },
  );

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('is upright from EXIF orientation %i', async (orientation) => {
    // What each orientation stores: the upright picture, mirrored and then turned the other way.
    const [isMirrored, turn] = STORED[orientation] ?? [false, 0];
    const mirrored = await card(90, 60).flop(isMirrored).png().toBuffer();
    const turned = await sharp(mirrored).rotate(turn).png().toBuffer();
    const original = await sharp(turned)
      .withMetadata({ orientation })
      .jpeg({ quality: 95 })
      .toBuffer();
    const { corners } = await lookAt(await transform(original, { size: 48, format: 'png' }));
    expect(distanceFromCard(corners)).toBeLessThan(20);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'is the middle of a strip of orientation %i, whose whole enlarged would take gigabytes',
    async (orientation) => {
      const middle = card(10, 10).flop(STORED[orientation]?.[0] ?? false);
      const turned = await sharp(await middle.png().toBuffer())
        .rotate(STORED[orientation]?.[1] ?? 0)
        .extend({ left: 500, right: 500, background: '#fff' })
        .withMetadata({ orientation })
        .png()
        .toBuffer();
      const order = { size: 1000, format: 'png' } as const;
      const square = intermediateSquare({ width: 1010, height: 10, format: 'png' }, 1000);
      const [variant] = await transformAll(turned, { variants: [order], square });
      const picture = await lookAt(variant ?? Buffer.alloc(0));
      expect(picture).toMatchObject({ width: 1000, height: 1000 });
      expect(distanceFromCard(picture.corners)).toBeLessThan(20);
    },
  );

  it.each(formats)('as %s carries no metadata, GPS least of all', async (format) => {
    const original = await card(100, 100)
      .withExif({
        IFD0: { Copyright: 'somebody' },
        IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '47/1 0/1 0/1' },
      })
      .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"/>')
      .withIccProfile('p3')
      .jpeg()
      .toBuffer();
    expect(await sharp(original).metadata()).toHaveProperty('exif');
    const variant = await transform(original, { size: 48, format });
    const metadata = await sharp(variant).metadata();
    for (const block of ['exif', 'xmp', 'iptc', 'icc', 'orientation', 'comments']) {
      expect(metadata, block).not.toHaveProperty(block);
    }
    expect(variant.includes('somebody')).toBe(false);
  });

  it('keeps transparency, except in JPEG, which has none: white shows there', async () => {
    const original = await sharp({
      create: { width: 60, height: 60, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0 } },
    })
      .png()
      .toBuffer();
    for (const format of ['png', 'webp', 'avif'] as const) {
      const { data } = await sharp(await transform(original, { size: 24, format }))
        .ensureAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect(data[3], format).toBeLessThanOrEqual(2);
    }
    const { corners } = await lookAt(await transform(original, { size: 24, format: 'jpg' }));
    expect(corners.topLeft).toEqual([255, 255, 255]);
  });

  it('shows the first frame of an animation', async () => {
    const frames = await Promise.all([
      card(32, 32).png().toBuffer(),
      card(32, 32).negate().png().toBuffer(),
    ]);
    for (const kind of ['gif', 'webp'] as const) {
      const animation = await sharp(frames, { join: { animated: true } })
        .toFormat(kind)
        .toBuffer();
      const picture = await lookAt(await transform(animation, { size: 32, format: 'png' }));
      expect(picture).toMatchObject({ width: 32, height: 32 });
      expect(distanceFromCard(picture.corners), kind).toBeLessThan(40);
    }
  });

  it('is enlarged from a smaller original', async () => {
    const original = await card(4, 4).png().toBuffer();
    const picture = await lookAt(await transform(original, { size: 288, format: 'png' }));
    expect(picture).toMatchObject({ width: 288, height: 288 });
    expect(distanceFromCard(picture.corners)).toBeLessThan(40);
  });

  it.each(['srgb', 'p3'])(
    'is in sRGB when the original is in %s, of any depth',
    async (profile) => {
      // `withIccProfile` converts the card; taken for sRGB the red of P3 would be off by 20.
      const [eight, sixteen] = [card(60, 60), card(60, 60).toColourspace('rgb16')].map((each) =>
        each.withIccProfile(profile),
      );
      const originals = {
        'PNG of 8 bits': await eight?.png().toBuffer(),
        'PNG of 16 bits': await sixteen?.clone().png().toBuffer(),
        'PNG of 16 bits with alpha': await sixteen?.clone().ensureAlpha(0.9).png().toBuffer(),
        'AVIF of 8 bits': await eight?.avif({ quality: 95 }).toBuffer(),
        'AVIF of 10 bits': await sixteen?.avif({ quality: 95, bitdepth: 10 }).toBuffer(),
      };
      for (const [name, file = Buffer.alloc(0)] of Object.entries(originals)) {
        const { hasProfile, depth } = await sharp(file).metadata();
        expect({ hasProfile, isDeep: depth === 'ushort' }, name).toEqual({
          hasProfile: true,
          isDeep: !name.includes('of 8'),
        });
        const { bytes, isDeep } = inspector.inspect(file);
        // Straight from the original, by way of a square, and enlarged.
        for (const [size, square] of [
          [48, undefined],
          [24, 40],
          [90, 60],
        ] as const) {
          const variants = [{ size, format: 'png' as const }];
          const [variant] = await transformAll(bytes, { variants, square, isDeep });
          const { corners, width } = await lookAt(
            await sharp(variant).removeAlpha().png().toBuffer(),
          );
          expect(width).toBe(size);
          expect(distanceFromCard(corners), `${name}, ${size} pixels`).toBeLessThan(5);
        }
      }
    },
  );

  it('is the same bytes each time', async () => {
    const original = await card(120, 80).jpeg().toBuffer();
    for (const format of formats) {
      const [one, two] = await Promise.all([
        transform(original, { size: 48, format }),
        transform(original, { size: 48, format }),
      ]);
      expect(one.equals(two), format).toBe(true);
    }
  });
});

describe('the decoders', () => {
  it.each(['svg', 'tiff'] as const)('do not include %s', async (kind) => {
    await expect(transform(unlocked[kind], { size: 48, format: 'png' })).rejects.toThrow(
      'unsupported image format',
    );
  });

  it('read no files', async () => {
    await expect(sharp('demo/demo/owl/2').toBuffer()).rejects.toThrow('unsupported image format');
  });

  it('refuse a truncated picture', async () => {
    const whole = await card(400, 400).jpeg().toBuffer();
    const half = whole.subarray(0, whole.length / 2);
    await expect(transform(half, { size: 48, format: 'png' })).rejects.toThrow('VipsJpeg');
  });
});

describe('the profiles', () => {
  /**
   * When one of these changes, the bytes of finished variants have changed: raise the profile's
   * version in `profiles.ts`, so that every entity tag and cache key changes with them, then note
   * the new digest here.
   */
  const DIGESTS: Record<string, string> = {
    'agif2-48 drawings': '5ce6575bcda08288',
    'agif2-48 photographs': '9538a077fbb2d160',
    'awebp2-48 drawings': '930896a5a570f168',
    'awebp2-48 photographs': '0e3979174d0bc58a',
    'avif5-200': '8714b943e8905e24',
    'avif5-200 noisy': '3e4f8d4e89636cb4',
    'avif5-24': '06e353d4242e41ba',
    'avif5-24 noisy': '0f3e075323a7c5fc',
    'avif5-240 of 200': 'f0f8a827d803833c',
    'avif5-48': 'b6624a0f9bb32cdd',
    'avif5-48 noisy': 'fa9642ec4bb16afa',
    'avif5-48 of 288': '52d96f151b2044d8',
    'gif2-200': '9cdb3df61e9e0249',
    'gif2-200 noisy': '212d1924977f4e5b',
    'gif2-24': '1e5ee859f3563dd3',
    'gif2-24 noisy': 'e0ecf7b79aa1ebb7',
    'gif2-240 of 200': '383dece337da1f4c',
    'gif2-48': 'f33ddd9778b950e5',
    'gif2-48 noisy': 'cedbe15acc594e29',
    'gif2-48 of 288': 'aa7ef80217092d58',
    'jpg3-200': '082d7ccc1886dda6',
    'jpg3-200 noisy': 'df1d8c45ee6b0ac4',
    'jpg3-24': '85847ee57cadf281',
    'jpg3-24 noisy': '5d19e469ca4f9cdd',
    'jpg3-240 of 200': '676102e2b7a82ca8',
    'jpg3-48': '8e65c4172ad6d603',
    'jpg3-48 noisy': 'c2ca8c77781151de',
    'jpg3-48 of 288': '1f29b0ba6243dede',
    'letters5-120 avif': '31ea37f55b0d6fc9',
    'letters5-120 png': '59fe49ea21c354d3',
    'letters5-120 webp': '5024fcde441f21b7',
    'png5-200': 'd0cf34770df35c60',
    'png5-200 noisy': 'f82c3abe022ab79b',
    'png5-24': '27232f70d6e9b445',
    'png5-24 noisy': 'f9ea07e78c6dced6',
    'png5-240 of 200': '531f74d3fdda2f59',
    'png5-48': 'c85a4adea08af891',
    'png5-48 noisy': '6b11533df026eb4b',
    'png5-48 of 288': '5a349e2a7d2dfc7f',
    'webp5-200': '411969d6b74c1d45',
    'webp5-200 noisy': '62f79078850373ec',
    'webp5-24': 'ce73095c71b48ae5',
    'webp5-24 noisy': '3e0e411afb30bb0d',
    'webp5-240 of 200': '96f92d23751e68f8',
    'webp5-48': 'a91280af4925a675',
    'webp5-48 noisy': '73303282b14d6471',
    'webp5-48 of 288': 'e7ebe6093569fb27',
  };

  it('make the same bytes as when their versions were given', async () => {
    const drawing = await card(300, 200).png().toBuffer();
    const photograph = await noisy(300, 200).png().toBuffer();
    const large = await noisy(1600, 1500).png({ compressionLevel: 1 }).toBuffer();
    const found: Record<string, string> = {};
    const note = (name: string, variant: Buffer): void => {
      found[name] = createHash('sha256').update(variant).digest('hex').slice(0, 16);
    };
    for (const format of formats.filter((each) => !isMoving(each))) {
      const version = PROFILE_VERSIONS[format];
      for (const size of [24, 48, 200]) {
        note(`${format}${version}-${size}`, await transform(drawing, { size, format }));
        note(`${format}${version}-${size} noisy`, await transform(photograph, { size, format }));
      }
      // The other ways: a large original by way of a square, a small one enlarged.
      for (const [original, square, size] of [
        [large, 288, 48],
        [photograph, 200, 240],
      ] as const) {
        const variants = [{ size, format }];
        const [variant] = await transformAll(original, { variants, square });
        note(`${format}${version}-${size} of ${square}`, variant ?? Buffer.alloc(0));
      }
    }
    const letter = await drawLetter({ letter: 'Ö', colour: [0, 60, 120], size: 120 });
    for (const format of ['png', 'webp', 'avif'] as const) {
      const name = `letters${LETTERS_VERSION}-120 ${format}`;
      note(name, await encodeLetter(letter, { size: 120, format }));
    }
    const frames = [noisy(90, 60), noisy(90, 60).flip(), noisy(90, 60).flop()];
    const photographs = await Promise.all(frames.map((frame) => frame.png().toBuffer()));
    const moving = {
      drawings: await animation({ frames: 5, delays: [40, 120, 500, 80, 1000], loop: 3 }),
      photographs: await sharp(photographs, { join: { animated: true } })
        .webp({ lossless: true })
        .toBuffer(),
    };
    for (const format of formats.filter(isMoving)) {
      for (const [name, original] of Object.entries(moving)) {
        const variant = await transform(original, { size: 48, format });
        expect((await watch(variant)).frames, name).toBe(name === 'drawings' ? 5 : 3);
        note(`${format}${PROFILE_VERSIONS[format]}-48 ${name}`, variant);
      }
    }
    expect(found).toEqual(DIGESTS);
  });

  it('keep more colour in a tiny WebP, in fewer bytes, than quality 90 does by itself', async () => {
    const colourful = readFileSync(join(import.meta.dirname, '../../demo/demo/tiny/5'));
    for (const size of [24, 32]) {
      const [png, webp] = await Promise.all(
        (['png', 'webp'] as const).map((format) => transform(colourful, { size, format })),
      );
      const plain = await sharp(png).webp({ quality: 90, effort: 4 }).toBuffer();
      expect(webp?.length).toBeLessThan(plain.length);
      const wanted = await labOfPicture(png);
      const off = meanDifference(await labOfPicture(webp), wanted);
      const plainOff = meanDifference(await labOfPicture(plain), wanted);
      expect(off / plainOff, `${size} pixels`).toBeLessThan(0.8);
    }
  });

  it('make the same bytes of a size alone and together with others', async () => {
    const original = await noisy(1600, 1500).jpeg().toBuffer();
    const variants = [24, 48, 144].map((size) => ({ size, format: 'webp' as const }));
    const together = await transformAll(original, { variants, square: 288 });
    for (const [index, order] of variants.entries()) {
      const [alone] = await transformAll(original, { variants: [order], square: 288 });
      expect(alone?.equals(together[index] ?? Buffer.alloc(0)), `${order.size}`).toBe(true);
    }
  });
});

async function labOfPicture(picture: Buffer | undefined): Promise<Lab> {
  const { data, info } = await sharp(picture)
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return labOf({ width: info.width, height: info.height, data });
}

/** What the profiles take for a photograph. */
function noisy(width: number, height: number): Sharp {
  const pixels = Buffer.alloc(width * height * 3);
  for (let at = 0; at < pixels.length; at += 1) {
    const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)];
    pixels[at] = (x / 2 + y / 3 + ((x * 7919 + y * 104_729 + at * 31) % 37)) % 256;
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}
