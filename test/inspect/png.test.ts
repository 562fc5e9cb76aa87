import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { card } from '../support/cards.ts';
import {
  compressedProfile,
  compressedText,
  png,
  pngChunk,
  pngChunkTypes,
} from '../support/pictures.ts';
import { inspector, refusal, refusalCode } from './support.ts';

describe('a PNG', () => {
  it('that a real encoder wrote passes as it is, without a copy', async () => {
    const bytes = await card(60, 40).png().toBuffer();
    const inspected = inspector.inspect(bytes);
    expect(inspected).toMatchObject({ format: 'png', width: 60, height: 40, frames: 1 });
    expect(inspected.bytes.buffer).toBe(bytes.buffer);
    expect(inspected.bytes.equals(bytes)).toBe(true);
  });

  it('keeps its profile, transparency and orientation', async () => {
    const bytes = await card(60, 40)
      .withIccProfile('p3')
      .withExif({ IFD0: { Orientation: '6' } })
      .png({ palette: true })
      .toBuffer();
    const types = pngChunkTypes(bytes);
    expect(types).toContain('iCCP');
    expect(types).toContain('eXIf');
    expect(pngChunkTypes(inspector.inspect(bytes).bytes)).toEqual(types);
  });

  it('loses text, times, animation and unknown ancillary chunks, and nothing else', async () => {
    const bytes = png({
      before: [
        pngChunk('gAMA', Buffer.from([0, 0, 0xb1, 0x8f])),
        pngChunk('tEXt', Buffer.from('Comment\0x')),
        pngChunk('acTL', Buffer.from([0, 0, 0, 2, 0, 0, 0, 0])),
        pngChunk('fcTL', Buffer.alloc(26)),
      ],
      after: [
        pngChunk('fcTL', Buffer.alloc(26)),
        pngChunk('fdAT', Buffer.alloc(9)),
        pngChunk('iTXt', Buffer.from('XML:com.adobe.xmp\0\0\0\0\0<x/>')),
        pngChunk('tIME', Buffer.alloc(7)),
        pngChunk('prVt', Buffer.alloc(99)),
      ],
    });
    const inspected = inspector.inspect(bytes);
    expect(pngChunkTypes(inspected.bytes)).toEqual(['IHDR', 'gAMA', 'IDAT', 'IEND']);
    expect(inspected.frames).toBe(2);
    await expect(pixelsOf(inspected.bytes)).resolves.toEqual(await pixelsOf(png()));
  });

  it('loses what its checksum does not fit, as in browsers, unless the picture is made of it', async () => {
    const profile = damaged(compressedProfile(3000));
    const transparency = damaged(pngChunk('tRNS', Buffer.alloc(6)));
    const bytes = png({
      before: [profile, transparency, damaged(pngChunk('gAMA', Buffer.alloc(4)))],
    });
    await expect(pixelsOf(bytes)).rejects.toThrow('pngload_buffer');
    const inspected = inspector.inspect(bytes);
    expect(pngChunkTypes(inspected.bytes)).toEqual(['IHDR', 'IDAT', 'IEND']);
    await expect(pixelsOf(inspected.bytes)).resolves.toEqual(await pixelsOf(png()));
    const data = png({ data: [damaged(pngChunk('IDAT', Buffer.alloc(9)))] });
    expect(inspector.inspect(data).bytes.equals(data)).toBe(true);
  });

  it('loses what is appended behind its end', () => {
    const bytes = Buffer.concat([png(), Buffer.from('PK\x03\x04 and a script')]);
    expect(inspector.inspect(bytes).bytes.equals(png())).toBe(true);
  });

  it('is refused without image data, with two headers, or with an unknown critical chunk', () => {
    expect(refusalCode(png({ data: [] }))).toBe('original_corrupt');
    expect(refusalCode(png({ before: [png().subarray(8, 33)] }))).toBe('original_corrupt');
    expect(refusalCode(png({ before: [pngChunk('ABCD')] }))).toBe('original_corrupt');
    expect(refusalCode(png({ before: [pngChunk('\0\0\0\0')] }))).toBe('original_corrupt');
  });

  it("is refused by name when it is Apple's variant", () => {
    const bytes = png();
    const apple = Buffer.concat([
      bytes.subarray(0, 8),
      pngChunk('CgBI', Buffer.alloc(4)),
      bytes.subarray(8),
    ]);
    expect(refusal(apple)).toMatchObject({ code: 'original_unsupported' });
    expect(refusal(apple)?.detail).toContain('CgBI');
  });

  it.each([
    ['no such colour type', { colourType: 5 }],
    ['a palette of 16 bits', { colourType: 3, depth: 16 }],
    ['no such depth', { depth: 7 }],
    ['no such interlacing', { interlace: 2 }],
    ['no width', { width: 0 }],
  ])('is refused with %s', (_, options) => {
    expect(refusalCode(png(options))).toBe('original_corrupt');
  });

  it('that is cut off behind its header is left to the decoder, cut short', () => {
    const bytes = png({ width: 64, height: 64 });
    const cut = bytes.subarray(0, bytes.length - 30);
    expect(inspector.inspect(cut).bytes.equals(cut)).toBe(true);
  });
});

describe('a hostile PNG', () => {
  it('made of text that inflates to gigabytes loses all of it', async () => {
    const bomb = compressedText(7_000_000);
    const bytes = png({ before: Array.from({ length: 100 }, () => bomb) });
    const inspected = inspector.inspect(bytes);
    expect(inspected.bytes.equals(png())).toBe(true);
    await expect(pixelsOf(inspected.bytes)).resolves.toHaveLength(8 * 8 * 3);
  });

  it('loses a profile that inflates beyond reason, or is none', () => {
    expect(profileSurvives(compressedProfile(500_000))).toBe(true);
    expect(profileSurvives(compressedProfile(49_000_000))).toBe(false);
    expect(profileSurvives(compressedProfile(3000, 49_000_000))).toBe(false);
    expect(profileSurvives(compressedProfile(100))).toBe(false);
    expect(profileSurvives(pngChunk('iCCP', Buffer.from('ICC\0\0not deflate')))).toBe(false);
    expect(profileSurvives(pngChunk('iCCP', Buffer.alloc(90, 65)))).toBe(false);
    expect(profileSurvives(pngChunk('iCCP', Buffer.alloc(100_000)))).toBe(false);
  });

  it('is shown the same whatever its gamma is, which its decoder does not heed', async () => {
    // Grey of 100 in each of eight lines, behind its filter type.
    const lines = Buffer.from(Array.from({ length: 8 * 25 }, (_, at) => (at % 25 === 0 ? 0 : 100)));
    const linear = png({
      before: [pngChunk('gAMA', Buffer.from([0, 1, 0x86, 0xa0]))],
      data: [pngChunk('IDAT', deflateSync(lines))],
    });
    const pixels = await pixelsOf(inspector.inspect(linear).bytes);
    expect([...new Set(pixels)]).toEqual([100]);
  });

  it('has one profile looked at, so that thousands cannot each be inflated', () => {
    const [unsound, sound] = [compressedProfile(100), compressedProfile(3000)];
    const { bytes } = inspector.inspect(png({ before: [unsound, sound] }));
    expect(pngChunkTypes(bytes)).not.toContain('iCCP');
  });

  it('keeps one of each chunk, and none larger than it can need', () => {
    const exif = pngChunk('eXIf', Buffer.alloc(20));
    const gamma = pngChunk('gAMA', Buffer.alloc(4));
    const bytes = png({
      before: [pngChunk('eXIf', Buffer.alloc(70_000)), gamma, gamma, exif, exif],
    });
    expect(pngChunkTypes(inspector.inspect(bytes).bytes)).toEqual([
      'IHDR',
      'gAMA',
      'eXIf',
      'IDAT',
      'IEND',
    ]);
  });

  it('with a chunk that claims 2 GB takes no memory for it', () => {
    const claim = pngChunk('tEXt');
    claim.writeUInt32BE(0x7f_ff_ff_ff, 0);
    expect(refusalCode(png({ before: [claim] }))).toBe('original_corrupt');
    expect(pngChunkTypes(inspector.inspect(png({ after: [claim] })).bytes)).toEqual([
      'IHDR',
      'IDAT',
    ]);
  });

  it('made of countless empty chunks is refused', () => {
    const empty = Array.from({ length: 70_000 }, () => pngChunk('IDAT'));
    expect(refusalCode(png({ data: empty }))).toBe('original_hostile');
  });

  it('with more pixels than the limit, or a side no resampler can take, is refused', () => {
    expect(refusalCode(png({ width: 30_000, height: 30_000 }))).toBe('original_too_many_pixels');
    expect(refusalCode(png({ width: 65_536, height: 1 }))).toBe('original_too_many_pixels');
    expect(refusalCode(png({ width: 1, height: 0x7f_ff_ff_ff }))).toBe('original_too_many_pixels');
    expect(refusalCode(png({ width: 7071, height: 7071 }))).toBeUndefined();
  });
});

describe('the colours of a PNG', () => {
  it('are deep when each of three channels has 16 bits', () => {
    const isDeep = (depth: number, colourType: number): boolean | undefined =>
      inspector.inspect(png({ depth, colourType })).isDeep;
    expect([isDeep(16, 2), isDeep(16, 6)]).toEqual([true, true]);
    const others = [isDeep(8, 2), isDeep(8, 6), isDeep(16, 0), isDeep(16, 4)];
    expect(others).toEqual([false, false, false, false]);
  });
});

describe('the memory a PNG is expected to take', () => {
  it('is some lines of it, or all of it when interlaced', () => {
    const streamed = inspector.inspect(png({ width: 4096, height: 4096, colourType: 6 }));
    const whole = inspector.inspect(
      png({ width: 4096, height: 4096, colourType: 6, interlace: 1 }),
    );
    // Measured: 30 MB and 100 MB.
    expect(streamed.decodedBytes).toBeGreaterThan(25e6);
    expect(streamed.decodedBytes).toBeLessThan(50e6);
    expect(whole.decodedBytes).toBeGreaterThan(90e6);
    expect(whole.decodedBytes).toBeLessThan(150e6);
  });

  it('decides with the pixels: of 49 megapixels only what is decoded line by line passes', () => {
    const large = { width: 7000, height: 7000, depth: 16, colourType: 6 };
    expect(refusalCode(png(large))).toBeUndefined();
    expect(refusalCode(png({ ...large, interlace: 1 }))).toBe('original_too_many_pixels');
  });

  it('doubles with 16 bits a sample', () => {
    const eight = inspector.inspect(png({ depth: 8 })).decodedBytes;
    expect(inspector.inspect(png({ depth: 16 })).decodedBytes).toBe(2 * eight);
  });
});

function damaged(chunk: Buffer): Buffer {
  const copy = Buffer.from(chunk);
  copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1);
  return copy;
}

function profileSurvives(profile: Buffer): boolean {
  const { bytes } = inspector.inspect(png({ before: [profile] }));
  return pngChunkTypes(bytes).includes('iCCP');
}

function pixelsOf(bytes: Buffer): Promise<Buffer> {
  return sharp(bytes, { failOn: 'error' }).raw().toBuffer();
}
