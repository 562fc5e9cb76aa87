import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { createInspector } from '../../src/inspect/inspect.ts';
import { animation, watch } from '../support/animations.ts';
import { gif, webp, webpCanvas, webpChunk, webpFrame, webpLoop } from '../support/pictures.ts';
import { inspector, MAX_PIXELS } from './support.ts';

const keeping = createInspector({ maxPixels: MAX_PIXELS, keepsMotion: true });

describe('what moves', () => {
  it.each(['gif', 'webp'] as const)('passes on all of its frames, as %s', async (kind) => {
    const bytes = await animation({ kind, frames: 7 });
    const { motion, frames } = keeping.inspect(bytes);
    expect(frames).toBe(7);
    expect(await watch(motion?.bytes ?? Buffer.alloc(0))).toMatchObject({ frames: 7 });
    expect(motion?.decodedBytes).toBeGreaterThan(0);
  });

  it.each(['gif', 'webp'] as const)('is a still for who did not ask for more: %s', async (kind) => {
    const bytes = await animation({ kind });
    expect(inspector.inspect(bytes).motion).toBeUndefined();
  });

  it('is nothing of one frame', async () => {
    expect(keeping.inspect(await animation({ frames: 1 })).motion).toBeUndefined();
    const still = await sharp(await animation())
      .webp()
      .toBuffer();
    expect(keeping.inspect(still).motion).toBeUndefined();
  });

  it('is seen through where a GIF leaves its canvas bare, as in browsers', async () => {
    const [corner, all] = [{}, { width: 4, height: 4 }].map((size) => ({
      ...size,
      isFilled: true,
      disposal: 1,
    }));
    if (corner === undefined || all === undefined) throw new Error('there are two');
    const bare = {
      'by its first frame': [gif(4, 4, [corner, corner]), 1, 1],
      'until the second': [gif(4, 4, [corner, all]), 1, 16],
      'after the first is cleared': [gif(4, 4, [{ ...all, disposal: 2 }, corner]), 16, 1],
      // Of the first frame all colours may be in use, the second can tell as well.
      'by a frame of 256 colours': [gif(4, 4, [{ ...corner, codeSize: 8 }, corner]), 1, 1],
    } as const;
    for (const [name, [bytes, ...opaque]] of Object.entries(bare)) {
      const { motion } = keeping.inspect(bytes);
      expect(await opaquePixels(motion?.bytes), name).toEqual(opaque);
      expect(
        keeping.inspect(motion?.bytes ?? bytes).motion?.bytes.equals(motion?.bytes ?? bytes),
      ).toBe(true);
    }
  });

  it('passes on the very bytes of a GIF that leaves nothing bare', () => {
    const all = { width: 4, height: 4, isFilled: true };
    for (const bytes of [
      gif(4, 4, [
        { ...all, disposal: 1 },
        { isFilled: true, disposal: 1 },
      ]),
      // What is cleared is drawn over at once.
      gif(4, 4, [
        { ...all, disposal: 2 },
        { ...all, disposal: 2 },
      ]),
    ]) {
      expect(keeping.inspect(bytes).motion?.bytes).toBe(bytes);
    }
  });

  it('passes on nothing else: no text, no frames behind the end', async () => {
    const real = await animation({ kind: 'webp', frames: 3 });
    const text = webpChunk('XMP ', Buffer.alloc(500_000, 'x'));
    const body = Buffer.concat([real.subarray(12), text]);
    const { motion } = keeping.inspect(webp(body));
    expect(motion?.bytes.length).toBeLessThan(real.length + 100);
    expect(await watch(motion?.bytes ?? Buffer.alloc(0))).toMatchObject({ frames: 3 });
  });

  it('is a still when there is too much of it', () => {
    const frames = (count: number, edge: number) =>
      Array.from({ length: count }, () => ({ width: edge, height: edge }));
    expect(keeping.inspect(gif(200, 200, frames(200, 200))).motion).toBeDefined();
    // Frames; the canvas, which is drawn for each; and frames beyond a small canvas.
    expect(keeping.inspect(gif(1, 1, frames(201, 1))).motion).toBeUndefined();
    expect(keeping.inspect(gif(1000, 1000, frames(50, 1))).motion).toBeUndefined();
    expect(keeping.inspect(gif(9, 9, [{}, ...frames(10, 3000)])).motion).toBeUndefined();
    const lossless = webpChunk('VP8L', Buffer.from([0x2f, 0, 0, 0, 0]));
    const many = Array.from({ length: 201 }, () => webpFrame(1, 1, lossless));
    expect(keeping.inspect(webp(webpCanvas(1, 1), webpLoop(), ...many)).motion).toBeUndefined();
  });

  it('survives every cut, as a still does', async () => {
    for (const kind of ['gif', 'webp'] as const) {
      const whole = await animation({ kind, frames: 4 });
      for (let end = 13; end < whole.length; end += 7) {
        const cut = whole.subarray(0, end);
        expect(outcome(keeping, cut)).toBe(outcome(inspector, cut));
      }
    }
  });
});

/** How many there are in each frame. */
async function opaquePixels(bytes: Buffer | undefined): Promise<number[]> {
  const { data, info } = await sharp(bytes, { animated: true })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, pageHeight = height } = info;
  const frameBytes = width * pageHeight * 4;
  return Array.from({ length: height / pageHeight }, (_, frame) => {
    const pixels = data.subarray(frame * frameBytes, (frame + 1) * frameBytes);
    return pixels.filter((value, index) => index % 4 === 3 && value === 255).length;
  });
}

function outcome(inspecting: typeof inspector, bytes: Buffer): string {
  try {
    return `${inspecting.inspect(bytes).frames} frames`;
  } catch (error) {
    return String(error);
  }
}
