import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { card } from '../support/cards.ts';
import {
  EOI,
  jpegFrame,
  jpegOfOneComponent,
  jpegScan,
  jpegSegment,
  SOI,
  withEmptyScans,
} from '../support/pictures.ts';
import { inspector, refusal, refusalCode } from './support.ts';

const BASELINE = 0xc0;
const PROGRESSIVE = 0xc2;

let baseline: Buffer;
let progressive: Buffer;

beforeAll(async () => {
  baseline = await card(90, 50).jpeg().toBuffer();
  progressive = await card(90, 50).jpeg({ progressive: true }).toBuffer();
});

describe('a JPEG', () => {
  it('passes as it is, whichever way it was encoded', async () => {
    const grey = await card(90, 50).greyscale().jpeg().toBuffer();
    const cmyk = await card(90, 50).toColourspace('cmyk').jpeg().toBuffer();
    for (const bytes of [baseline, progressive, grey, cmyk]) {
      const inspected = inspector.inspect(bytes);
      expect(inspected).toMatchObject({ format: 'jpeg', width: 90, height: 50, frames: 1 });
      expect(inspected.bytes).toBe(bytes);
    }
  });

  it('tells its size before orientation', async () => {
    const turned = await card(90, 50).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(inspector.inspect(turned)).toMatchObject({ width: 90, height: 50 });
  });

  it('may carry metadata in which markers occur, and anything behind its end', () => {
    const scans = Buffer.concat(Array.from({ length: 200 }, () => jpegScan()));
    const bytes = Buffer.concat([SOI, jpegSegment(0xe1, scans), baseline.subarray(2), scans]);
    expect(inspector.inspect(bytes)).toMatchObject({ width: 90, height: 50 });
  });

  it('without an end is left to the decoder', () => {
    expect(refusalCode(baseline.subarray(0, -2))).toBeUndefined();
    expect(refusalCode(baseline.subarray(0, -40))).toBeUndefined();
  });

  it('without a frame, without a scan, or with two frames is refused', () => {
    const frame = jpegFrame(BASELINE, 8, 8);
    expect(refusalCode(Buffer.concat([SOI, EOI]))).toBe('original_corrupt');
    expect(refusalCode(Buffer.concat([SOI, frame, EOI]))).toBe('original_corrupt');
    expect(refusalCode(Buffer.concat([SOI, jpegScan(), frame, EOI]))).toBe('original_corrupt');
    expect(refusalCode(Buffer.concat([SOI, frame, frame, jpegScan(), EOI]))).toBe(
      'original_corrupt',
    );
  });

  it.each([
    ['lossless', 0xc3],
    ['hierarchical', 0xc5],
    ['progressive and arithmetic-coded', 0xca],
  ])('that is %s is refused by name', (_, marker) => {
    const bytes = Buffer.concat([SOI, jpegFrame(marker, 8, 8), jpegScan(3), EOI]);
    expect(refusal(bytes)).toMatchObject({ code: 'original_unsupported' });
    expect(refusal(bytes)?.detail).toContain(`SOF${marker - 0xc0}`);
  });

  it('with 12 bits a sample, 2 components or no height is refused', () => {
    const frame = jpegFrame(BASELINE, 8, 8);
    frame[4] = 12;
    expect(refusalCode(picture(frame))).toBe('original_unsupported');
    expect(refusalCode(picture(jpegFrame(BASELINE, 8, 8, 2)))).toBe('original_unsupported');
    expect(refusalCode(picture(jpegFrame(BASELINE, 8, 0)))).toBe('original_corrupt');
  });

  it('with impossible sampling factors is refused', () => {
    const frame = jpegFrame(BASELINE, 8, 8);
    frame[11] = 0x01;
    expect(refusalCode(picture(frame))).toBe('original_corrupt');
  });
});

describe('what comes behind a scan that holds everything', () => {
  it('is read by nobody: neither by the check nor by the decoder', async () => {
    const end = baseline.lastIndexOf(EOI);
    const scans = Array.from({ length: 120 }, () => jpegScan());
    const behind = Buffer.concat([...scans, jpegFrame(BASELINE, 9, 9), EOI]);
    const bytes = Buffer.concat([baseline.subarray(0, end), behind]);
    expect(inspector.inspect(bytes)).toMatchObject({ width: 90, height: 50 });
    expect(inspector.inspect(bytes).decodedBytes).toBe(inspector.inspect(baseline).decodedBytes);
    expect(await pixels(bytes)).toEqual(await pixels(baseline));
  });
});

describe('a hostile JPEG', () => {
  it('made of scans without data is refused, and one with as many as optimisers write is not', () => {
    expect(refusalCode(withEmptyScans(progressive, 60))).toBeUndefined();
    expect(refusalCode(withEmptyScans(progressive, 120))).toBe('original_hostile');
  });

  it('cannot hide its scans in entropy-coded data, behind fill bytes or restarts', () => {
    const scan = jpegScan();
    const frame = Buffer.concat([SOI, jpegFrame(PROGRESSIVE, 8, 8)]);
    for (const before of ['', 'data', '\xFF\0\xFF\0', '\xFF\xFF\xFF', '\xFF\xD3', '\xFF\x01\x7F']) {
      const hidden = Buffer.concat([Buffer.from(before, 'latin1'), scan]);
      const scans = Array.from({ length: 101 }, () => hidden);
      expect(refusalCode(Buffer.concat([frame, ...scans.slice(1), EOI]))).toBeUndefined();
      expect(refusalCode(Buffer.concat([frame, ...scans, EOI]))).toBe('original_hostile');
    }
  });

  it('cannot tell a component of a sequential picture twice', () => {
    const scans = [jpegScan(), jpegScan(), jpegScan()];
    const frame = Buffer.concat([SOI, jpegFrame(BASELINE, 8, 8, 3)]);
    expect(refusalCode(Buffer.concat([frame, ...scans, EOI]))).toBeUndefined();
    expect(refusalCode(Buffer.concat([frame, ...scans, jpegScan(), EOI]))).toBe('original_hostile');
  });

  it('made of countless empty segments is refused', () => {
    const empty = jpegSegment(0xe1, Buffer.alloc(0));
    const flood = Buffer.alloc(6000 * empty.length, empty);
    const bytes = Buffer.concat([SOI, flood, baseline.subarray(2)]);
    expect(refusalCode(bytes)).toBe('original_hostile');
  });

  it('with more pixels than the limit is refused', () => {
    expect(refusalCode(picture(jpegFrame(BASELINE, 65_500, 65_500)))).toBe(
      'original_too_many_pixels',
    );
  });
});

describe('the memory a JPEG is expected to take', () => {
  it('decides with the pixels: of 49 megapixels only what is decoded line by line passes', () => {
    const large = (marker: number): Buffer => picture(jpegFrame(marker, 7000, 7000));
    expect(refusalCode(large(BASELINE))).toBeUndefined();
    expect(refusalCode(large(PROGRESSIVE))).toBe('original_too_many_pixels');
  });

  it('holds all coefficients when it comes in several scans', () => {
    // Measured at 7000 pixels to a side: 290 MB of coefficients with 3 components, 380 MB with 4.
    expect(memory(PROGRESSIVE, 3) - memory(BASELINE, 3)).toBeCloseTo(96e6, -6);
    expect(memory(PROGRESSIVE, 4) - memory(BASELINE, 4)).toBeCloseTo(128e6, -6);
    expect(memory(BASELINE, 3)).toBeLessThan(50e6);
  });

  it('holds them as well when its first scan leaves a component out, be it the only one', () => {
    const frame = jpegFrame(BASELINE, 4000, 4000, 3);
    const leaving = Buffer.concat([SOI, frame, jpegScan(2), EOI]);
    expect(inspector.inspect(leaving).decodedBytes).toBe(memory(PROGRESSIVE, 3));
    expect(inspector.inspect(jpegOfOneComponent(4000)).decodedBytes).toBe(memory(PROGRESSIVE, 3));
  });

  it('counts subsampled components as the fewer blocks they are', async () => {
    const raw = { create: { width: 800, height: 800, channels: 3, background: '#a31' } } as const;
    const sampled = async (chromaSubsampling: string): Promise<number> => {
      const bytes = await sharp(raw).jpeg({ progressive: true, chromaSubsampling }).toBuffer();
      return inspector.inspect(bytes).decodedBytes;
    };
    const difference = (await sampled('4:4:4')) - (await sampled('4:2:0'));
    expect(difference).toBe(800 * 800 * 1.5 * 2);
  });
});

function memory(marker: number, components: number): number {
  const frame = jpegFrame(marker, 4000, 4000, components);
  return inspector.inspect(picture(frame, components)).decodedBytes;
}

/** Of one scan with all of its components. */
function picture(frame: Buffer, components = 3): Buffer {
  return Buffer.concat([SOI, frame, jpegScan(components), EOI]);
}

async function pixels(bytes: Buffer): Promise<Buffer> {
  return await sharp(bytes, { failOn: 'error' }).raw().toBuffer();
}
