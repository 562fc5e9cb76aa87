import { beforeAll, describe, expect, it } from 'vitest';
import { lockDecoders, TooSlow, transform } from '../../src/render/transform.ts';
import { animation, colourOf, watch } from '../support/animations.ts';
import { distanceFromCard, lookAt } from '../support/cards.ts';

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
