import sharp, { type OutputInfo } from 'sharp';
import { describe, expect, it } from 'vitest';
import { card, lookAt, CARD } from '../support/cards.ts';
import { gif } from '../support/pictures.ts';
import { inspector, refusalCode, unsoundness } from './support.ts';

describe('a GIF', () => {
  it('of one frame passes as it is', async () => {
    const bytes = await card(60, 40).gif().toBuffer();
    const inspected = inspector.inspect(bytes);
    expect(inspected).toMatchObject({ format: 'gif', width: 60, height: 40, frames: 1 });
    expect(inspected.bytes).toBe(bytes);
  });

  it('that is animated is counted, and passes on its first frame only', async () => {
    const first = await card(60, 40).png().toBuffer();
    const second = await card(60, 40).negate().png().toBuffer();
    const animated = await sharp([first, second, first], { join: { animated: true } })
      .gif({ loop: 0 })
      .toBuffer();
    const inspected = inspector.inspect(animated);
    expect(inspected).toMatchObject({ width: 60, height: 40, frames: 3 });
    expect(inspected.bytes.length).toBeLessThan(animated.length);
    const seen = await lookAt(inspected.bytes);
    expect(seen.width).toBe(60);
    expect(distance(seen.corners.topLeft, CARD.topLeft)).toBeLessThan(12);
    expect(distance(seen.corners.bottomRight, CARD.bottomRight)).toBeLessThan(12);
  });

  it('is seen through where its first frame leaves the canvas bare, as in browsers', async () => {
    const bare = [
      gif(4, 4, [{ left: 1, top: 1 }]),
      gif(4, 4, [{}]),
      gif(4, 4, [
        { left: 3, top: 3 },
        { width: 4, height: 4 },
      ]),
      // Its end is missing.
      gif(4, 4).subarray(0, -1),
    ];
    for (const bytes of bare) {
      expect(unsoundness(bytes)).toEqual([]);
      const { data, info } = await decode(inspector.inspect(bytes).bytes);
      expect(info).toMatchObject({ width: 4, height: 4, channels: 4 });
      const opaque = [...data].filter((value, index) => index % 4 === 3 && value === 255);
      expect(opaque).toHaveLength(1);
    }
    const { info } = await decode(inspector.inspect(gif(1, 1)).bytes);
    expect(info.channels).toBe(3);
  });

  it('with a hundred thousand frames shrinks to one', () => {
    const bytes = gif(
      1,
      1,
      Array.from({ length: 100_000 }, () => ({})),
    );
    const inspected = inspector.inspect(bytes);
    expect(inspected.frames).toBe(100_000);
    expect(inspected.bytes.equals(gif(1, 1))).toBe(true);
  });

  it('made of countless blocks that hold nothing is refused', () => {
    const [whole, comment] = [gif(1, 1), Buffer.from([0x21, 0xfe, 0x00])];
    const blocks = Buffer.alloc(1_100_000 * comment.length, comment);
    const bytes = Buffer.concat([whole.subarray(0, -1), blocks, whole.subarray(-1)]);
    expect(refusalCode(bytes)).toBe('original_hostile');
  });

  it('is as large as its screen or its first frame, as the decoder sees it', async () => {
    const cases = [
      gif(10, 10, [{ left: 8, width: 4, height: 3 }]),
      gif(0, 0, [{ width: 1, height: 1 }]),
      gif(640, 480, [{ width: 5, height: 7 }]),
      gif(3000, 4, [{ width: 5, height: 7 }]),
      gif(641, 480, [{ width: 5, height: 7 }]),
    ];
    for (const bytes of cases) {
      const { width, height } = inspector.inspect(bytes);
      const decoder = await sharp(bytes).metadata();
      expect({ width, height }).toEqual({ width: decoder.width, height: decoder.height });
    }
  });

  it('without a frame, or cut off before its first, is refused', () => {
    expect(refusalCode(gif(9, 9, []))).toBe('original_corrupt');
    expect(refusalCode(gif(9, 9).subarray(0, 25))).toBe('original_corrupt');
    expect(refusalCode(Buffer.from('GIF89a\x09\0\x09\0\0\0\0\x21\xFE\xFF', 'latin1'))).toBe(
      'original_corrupt',
    );
  });

  it('cut off within its first frame is left to the decoder as it is', () => {
    const cut = gif(9, 9).subarray(0, -3);
    expect(inspector.inspect(cut).bytes).toBe(cut);
  });

  it('whose screen is not believed and whose first frame has no height is refused', () => {
    expect(refusalCode(gif(4096, 4096, [{ width: 64, height: 0 }]))).toBe('original_corrupt');
  });

  it('whose screen or first frame is above the limit is refused', () => {
    expect(refusalCode(gif(65_535, 65_535))).toBe('original_too_many_pixels');
    expect(refusalCode(gif(1, 1, [{ width: 60_000, height: 60_000 }]))).toBe(
      'original_too_many_pixels',
    );
    expect(refusalCode(gif(9, 9, [{ left: 65_535, width: 1, height: 1 }]))).toBe(
      'original_too_many_pixels',
    );
  });

  it('is expected to take all of its canvas in memory', () => {
    // Measured: 95 MB.
    const { decodedBytes } = inspector.inspect(gif(4096, 4096, [{ width: 4096, height: 4096 }]));
    expect(decodedBytes).toBeGreaterThan(90e6);
    expect(decodedBytes).toBeLessThan(140e6);
  });
});

async function decode(bytes: Buffer): Promise<{ data: Buffer; info: OutputInfo }> {
  return await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? Infinity))));
}
