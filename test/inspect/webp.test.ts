import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { card } from '../support/cards.ts';
import {
  webp,
  webpCanvas,
  webpChunk,
  webpChunkTypes,
  webpFrame,
  webpLoop,
  webpLosslessHeader,
} from '../support/pictures.ts';
import { inspector, refusalCode, unsoundness } from './support.ts';

const CONTAINER_LENGTH = 12;

describe('a WebP', () => {
  it('passes as it is, lossy, lossless or with metadata', async () => {
    const lossy = await card(90, 50).webp().toBuffer();
    const lossless = await card(90, 50).webp({ lossless: true }).toBuffer();
    const transparent = await card(90, 50).ensureAlpha(0.5).webp().toBuffer();
    const extended = await card(90, 50).withMetadata({ orientation: 6 }).webp().toBuffer();
    expect(webpChunkTypes(extended)).toContain('EXIF');
    for (const bytes of [lossy, lossless, transparent, extended]) {
      const inspected = inspector.inspect(bytes);
      expect(inspected).toMatchObject({ format: 'webp', width: 90, height: 50, frames: 1 });
      expect(inspected.bytes).toBe(bytes);
    }
  });

  it('is damaged when a header is half behind the container, where nothing is read', () => {
    const frame = webpFrame(40, 30, webpLosslessHeader(40, 30));
    const whole = webp(webpCanvas(40, 30), webpLoop(), frame.subarray(0, 24));
    // The container ends within the frame's header, the file goes on.
    whole.writeUInt32LE(whole.length - 8 - 6, 4);
    expect(refusalCode(whole)).toBe('original_corrupt');
    expect(refusalCode(Buffer.concat([whole, Buffer.alloc(100)]))).toBe('original_corrupt');
  });

  it('that is animated is counted, and passes on its first frame only', async () => {
    const stills = [card(60, 40), card(60, 40).negate(), card(60, 40).greyscale()];
    const frames = await Promise.all(stills.map((still) => still.png().toBuffer()));
    const bytes = await sharp(frames, { join: { animated: true } })
      .webp({ lossless: true })
      .toBuffer();
    const inspected = inspector.inspect(bytes);
    expect(inspected).toMatchObject({ width: 60, height: 40, frames: 3 });
    expect(webpChunkTypes(inspected.bytes)).toEqual(['VP8X', 'ANIM', 'ANMF']);
    await expect(pixelsOf(inspected.bytes)).resolves.toEqual(await pixelsOf(bytes));
  });

  it('with twenty thousand frames, which a decoder walks once each, shrinks to one', async () => {
    const still = await sharp({
      create: { width: 4, height: 4, channels: 3, background: '#a31' },
    })
      .webp({ lossless: true })
      .toBuffer();
    const frame = webpFrame(4, 4, still.subarray(CONTAINER_LENGTH));
    const flood = Buffer.alloc(20_000 * frame.length, frame);
    const inspected = inspector.inspect(webp(webpCanvas(4, 4), webpLoop(), flood));
    expect(inspected.frames).toBe(20_000);
    expect(inspected.bytes.equals(webp(webpCanvas(4, 4), webpLoop(), frame))).toBe(true);
    await expect(pixelsOf(inspected.bytes)).resolves.toHaveLength(4 * 4 * 3);
  });

  it('made of countless chunks that hold nothing is refused', () => {
    const empty = webpChunk('NONE', Buffer.alloc(0));
    const flood = Buffer.alloc(70_000 * empty.length, empty);
    expect(refusalCode(webp(webpCanvas(4, 4), flood))).toBe('original_hostile');
  });

  it('loses XMP and unknown chunks, with the promise of them', async () => {
    const still = await card(60, 40).webp({ lossless: true }).toBuffer();
    const picture = still.subarray(CONTAINER_LENGTH);
    const XMP = 0x04;
    const bytes = webp(
      webpCanvas(60, 40, XMP),
      webpChunk('junk', Buffer.alloc(31)),
      picture,
      webpChunk('XMP ', Buffer.from('<x:xmpmeta/>')),
    );
    const before = Buffer.from(bytes);
    const inspected = inspector.inspect(bytes);
    expect(inspected.bytes.equals(webp(webpCanvas(60, 40, 0), picture))).toBe(true);
    expect(bytes.equals(before)).toBe(true);
    await expect(pixelsOf(inspected.bytes)).resolves.toEqual(await pixelsOf(still));
  });

  it('is seen through where its lossless picture alone says so, as in browsers', async () => {
    const create = { width: 6, height: 4, channels: 4, background: '#f006' } as const;
    const still = await sharp({ create }).webp({ lossless: true }).toBuffer();
    const picture = still.subarray(CONTAINER_LENGTH);
    const ALPHA = 0x10;
    const silent = webp(webpCanvas(6, 4, 0), picture);
    const inspected = inspector.inspect(silent).bytes;
    expect(inspected.equals(webp(webpCanvas(6, 4, ALPHA), picture))).toBe(true);
    const { data, info } = await sharp(inspected).raw().toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(4);
    expect([...data.subarray(0, 4)]).toEqual([255, 0, 0, 102]);
    expect(unsoundness(silent)).toEqual([]);
    // Of an opaque picture, and of one that is said to be seen through, there is nothing to mend.
    const opaque = await card(60, 40).webp({ lossless: true }).toBuffer();
    for (const right of [
      inspected,
      webp(webpCanvas(60, 40, 0), opaque.subarray(CONTAINER_LENGTH)),
    ]) {
      expect(inspector.inspect(right).bytes).toBe(right);
    }
  });

  it('without a picture, or with one that is none, is refused', () => {
    expect(refusalCode(webp())).toBe('original_corrupt');
    expect(refusalCode(webp(webpCanvas(9, 9)))).toBe('original_corrupt');
    expect(refusalCode(webp(webpChunk('VP8X', Buffer.alloc(9))))).toBe('original_corrupt');
    expect(refusalCode(webp(webpChunk('junk', Buffer.alloc(9))))).toBe('original_corrupt');
    expect(refusalCode(webp(webpChunk('VP8 ', Buffer.alloc(20))))).toBe('original_corrupt');
    expect(refusalCode(webp(webpChunk('VP8 ', Buffer.alloc(9))))).toBe('original_corrupt');
    expect(refusalCode(webp(webpChunk('VP8L', Buffer.alloc(20))))).toBe('original_corrupt');
    expect(refusalCode(webp(webpChunk('VP8L', Buffer.alloc(4))))).toBe('original_corrupt');
    expect(refusalCode(webp(webpCanvas(9, 9), webpChunk('ANMF', Buffer.alloc(12))))).toBe(
      'original_corrupt',
    );
  });

  it('whose picture, canvas or frame is above the limit is refused', () => {
    const huge = webpLosslessHeader(16_383, 16_383);
    expect(refusalCode(webp(huge))).toBe('original_too_many_pixels');
    expect(refusalCode(webp(webpCanvas(9, 9, 0), huge))).toBe('original_too_many_pixels');
    expect(refusalCode(webp(webpCanvas(16_777_216, 16_777_216)))).toBe('original_too_many_pixels');
    const frame = webpFrame(16_000, 16_000, webpLosslessHeader(16, 16));
    expect(refusalCode(webp(webpCanvas(9, 9), frame))).toBe('original_too_many_pixels');
  });

  it('is expected to take more memory lossless than lossy, and most as an animation', async () => {
    const lossy = await card(2000, 2000).webp().toBuffer();
    const lossless = webpLosslessHeader(2000, 2000);
    const animation = webp(webpCanvas(2000, 2000), webpFrame(2000, 2000, lossless));
    expect(memory(lossy)).toBeLessThan(20e6);
    expect(memory(webp(lossless)) - memory(lossy)).toBe(2000 * 2000 * 4);
    expect(memory(animation) - memory(lossy)).toBe(2000 * 2000 * 8);
  });
});

function memory(bytes: Buffer): number {
  return inspector.inspect(bytes).decodedBytes;
}

function pixelsOf(bytes: Buffer): Promise<Buffer> {
  return sharp(bytes, { failOn: 'error' }).removeAlpha().raw().toBuffer();
}
