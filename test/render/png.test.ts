import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../src/render/png/encode.ts';
import type { Channels, Pixels } from '../../src/render/png/survey.ts';

const INDEXED = 3;

/** Mulberry32: the same noise each time. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function picture(
  edge: number,
  channels: Channels,
  sample: (x: number, y: number, channel: number) => number,
): Pixels {
  const data = Buffer.alloc(edge * edge * channels);
  for (let at = 0; at < data.length; at += 1) {
    const pixel = Math.floor(at / channels);
    data[at] = sample(pixel % edge, Math.floor(pixel / edge), at % channels);
  }
  return { width: edge, height: edge, channels, data };
}

/** Slopes with noise on them, reaching both ends of the scale. */
function photograph(edge: number, channels: Channels): Pixels {
  const noise = random(edge + channels);
  return picture(edge, channels, (x, y, channel) => {
    const slope = ((x * (channel + 1) + y * 2) / (edge * 5)) * 300 - 20;
    return Math.min(255, Math.max(0, slope + noise() * 24));
  });
}

/** A disc with a soft edge on nothing: as many blends as its edge has pixels. */
function badge(edge: number): Pixels {
  return picture(edge, 4, (x, y, channel) => {
    const distance = edge / 2 - Math.hypot(x + 0.5 - edge / 2, y + 0.5 - edge / 2);
    const alpha = Math.round(255 * Math.min(1, Math.max(0, distance / 9)));
    if (channel === 3) return alpha;
    return alpha === 0 ? 99 : ([200, 40, 90][channel] ?? 0);
  });
}

async function decode(png: Buffer): Promise<{ data: Buffer; colourType: number; depth: number }> {
  const data = await sharp(png).toColourspace('srgb').ensureAlpha().raw().toBuffer();
  return { data, depth: png.readUInt8(24), colourType: png.readUInt8(25) };
}

async function rgba({ width, height, channels, data }: Pixels): Promise<Buffer> {
  return await sharp(data, { raw: { width, height, channels } })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer();
}

/** By how much colours are off as they are seen, and alpha. */
async function worst(pixels: Pixels): Promise<{ colour: number; alpha: number }> {
  const [found, wanted] = [(await decode(encodePng(pixels))).data, await rgba(pixels)];
  expect(found.length).toBe(wanted.length);
  let [colour, alpha] = [0, 0];
  for (let at = 0; at < wanted.length; at += 4) {
    const [a, b] = [wanted[at + 3] ?? 0, found[at + 3] ?? 0];
    alpha = Math.max(alpha, Math.abs(a - b));
    for (let channel = at; channel < at + 3; channel += 1) {
      const seen = Math.abs((wanted[channel] ?? 0) * a - (found[channel] ?? 0) * b) / 255;
      colour = Math.max(colour, seen);
    }
  }
  return { colour, alpha };
}

describe('a PNG', () => {
  it.each([
    [2, 1],
    [4, 2],
    [16, 4],
    [17, 8],
    [256, 8],
  ])('of %i colours is a palette of %i bits, exactly', async (colours, depth) => {
    const edge = 27;
    const pixels = picture(edge, 3, (x, y, channel) => {
      const colour = (x + y * edge) % colours;
      return [colour * 7, 255 - colour, colour][channel] ?? 0;
    });
    expect(await decode(encodePng(pixels))).toMatchObject({ depth, colourType: INDEXED });
    expect(await worst(pixels)).toEqual({ colour: 0, alpha: 0 });
  });

  it.each([1, 2, 3, 4] as const)(
    'of a photograph with %i channels is off by one level at the most, its alpha by none',
    async (channels) => {
      for (const edge of [8, 48, 145]) {
        const { colour, alpha } = await worst(photograph(edge, channels));
        expect(colour).toBeLessThanOrEqual(1);
        expect(alpha).toBe(0);
      }
    },
  );

  it('of a photograph is much smaller than a lossless one', async () => {
    const pixels = photograph(144, 3);
    const { width, height, channels, data } = pixels;
    const lossless = await sharp(data, { raw: { width, height, channels } })
      .png({ compressionLevel: 9, adaptiveFiltering: true })
      .toBuffer();
    expect(encodePng(pixels).length).toBeLessThan(0.75 * lossless.length);
  });

  it('of a drawing with somewhat more colours than a palette has merges what looks alike', async () => {
    const pixels = picture(100, 3, (x, y, channel) =>
      channel === 0
        ? Math.floor(x / 3) * 7
        : channel === 1
          ? Math.floor(y / 8) % 2
          : Math.floor(y / 10),
    );
    const { colourType } = await decode(encodePng(pixels));
    expect(colourType).toBe(INDEXED);
    const { colour, alpha } = await worst(pixels);
    expect(colour).toBeGreaterThan(0);
    expect(colour).toBeLessThanOrEqual(1);
    expect(alpha).toBe(0);
  });

  it('of a drawing with too many colours for that is exact', async () => {
    const pixels = picture(120, 3, (x, y, channel) => Math.floor((channel === 0 ? x : y) / 4) * 8);
    expect((await decode(encodePng(pixels))).colourType).toBe(2);
    expect(await worst(pixels)).toEqual({ colour: 0, alpha: 0 });
  });

  it('keeps soft edges on nothing, without the colours of what is transparent', async () => {
    const pixels = badge(90);
    const png = encodePng(pixels);
    const { colour, alpha } = await worst(pixels);
    expect(colour).toBeLessThanOrEqual(1);
    expect(alpha).toBeLessThanOrEqual(1);
    const { data } = await decode(png);
    expect([...data.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
  });

  it.each([
    [1, 0],
    [2, 4],
  ] as const)(
    'of grey with noise in %i channels has no colour channels',
    async (channels, type) => {
      const grey = photograph(60, channels);
      expect((await decode(encodePng(grey))).colourType).toBe(type);
      // The same levels in three channels are still grey.
      if (channels === 2) return;
      const threefold = picture(60, 3, (x, y) => grey.data[y * 60 + x] ?? 0);
      expect(encodePng(threefold).equals(encodePng(grey))).toBe(true);
    },
  );

  it('has no alpha channel where nothing is transparent', async () => {
    const opaque = photograph(60, 3);
    const withAlpha = picture(60, 4, (x, y, channel) =>
      channel === 3 ? 255 : (opaque.data[(y * 60 + x) * 3 + channel] ?? 0),
    );
    expect(encodePng(withAlpha).equals(encodePng(opaque))).toBe(true);
  });
});
