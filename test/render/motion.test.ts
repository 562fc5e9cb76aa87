import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { createInspector } from '../../src/inspect/inspect.ts';
import { lockDecoders, TooSlow, transform } from '../../src/render/transform.ts';
import { animation, colourOf, watch } from '../support/animations.ts';
import { distanceFromCard, lookAt } from '../support/cards.ts';
import { gif } from '../support/pictures.ts';

const keeping = createInspector({ maxPixels: 50e6, keepsMotion: true });

beforeAll(() => lockDecoders());

describe.each([
  ['awebp', 'webp'],
  ['agif', 'gif'],
] as const)('what moves, as %s', (format, container) => {
  it.each(['gif', 'webp'] as const)(
    'keeps its frames, their times and its repetitions, from %s',
    async (kind) => {
      const delays = [40, 120, 500, 80, 1000];
      const original = await animation({ kind, frames: 5, delays, loop: 3 });
      for (const size of [24, 90]) {
        const seen = await watch(await transform(original, { size, format }));
        expect(seen).toMatchObject({ format: container, frames: 5, width: size, height: size });
        expect(seen).toMatchObject({ delays, loop: 3 });
        for (let frame = 1; frame < 5; frame += 1) {
          for (const [channel, level] of colourOf(frame).entries()) {
            const off = Math.abs((seen.middles[frame]?.[channel] ?? -99) - level);
            expect(off, `frame ${frame}`).toBeLessThan(16);
          }
        }
        const first = await lookAt(await transform(original, { size, format: container }));
        expect(distanceFromCard(first.corners)).toBeLessThan(30);
      }
    },
  );

  it('is seen through where the frames of a GIF leave it bare', async () => {
    const corner = { width: 8, height: 8, isFilled: true, disposal: 2 };
    const original = gif(16, 16, [corner, { ...corner, left: 8, top: 8 }]);
    const { motion } = keeping.inspect(original);
    const variant = await transform(motion?.bytes ?? original, { size: 16, format });
    const { data, info } = await sharp(variant, { animated: true })
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ pages: 2, pageHeight: 16 });
    const alphaAt = (frame: number, at: number): number | undefined =>
      data[((frame * 16 + at) * 16 + at) * 4 + 3];
    expect([alphaAt(0, 3), alphaAt(0, 12)]).toEqual([255, 0]);
    expect([alphaAt(1, 3), alphaAt(1, 12)]).toEqual([0, 255]);
  });

  it('is refused when it takes too long, and no renderer is lost', async () => {
    const original = await animation({ frames: 150, width: 600, height: 600 });
    const rendering = transform(original, { size: 1000, format });
    await expect(rendering).rejects.toBeInstanceOf(TooSlow);
  });

  it('is refused for another reason when it is damaged', async () => {
    const whole = await animation({ kind: 'webp', frames: 9, width: 200, height: 200 });
    const rendering = transform(whole.subarray(0, whole.length * 0.7), { size: 48, format });
    await expect(rendering).rejects.not.toBeInstanceOf(TooSlow);
  });
});

describe('a GIF that does not move', () => {
  it('is one frame of the right colours', async () => {
    const original = await animation();
    const picture = await transform(original, { size: 60, format: 'gif' });
    expect(await watch(picture)).toMatchObject({ format: 'gif', frames: 1 });
    expect(distanceFromCard((await lookAt(picture)).corners)).toBeLessThan(12);
  });
});
