import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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

/** A whole number for each place, and none of its neighbours near it. */
function scattered(x: number, y: number): number {
  return (x * 7919 + y * 104_729 + x * y * 31) % 65_536;
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

/** By how much colours are off as they are seen, on black or on white, and alpha. */
async function worst(pixels: Pixels): Promise<{ colour: number; alpha: number }> {
  const [found, wanted] = [(await decode(encodePng(pixels))).data, await rgba(pixels)];
  expect(found.length).toBe(wanted.length);
  let [colour, alpha] = [0, 0];
  for (let at = 0; at < wanted.length; at += 4) {
    const [a, b] = [wanted[at + 3] ?? 0, found[at + 3] ?? 0];
    alpha = Math.max(alpha, Math.abs(a - b));
    for (let channel = at; channel < at + 3; channel += 1) {
      const onBlack = ((wanted[channel] ?? 0) * a - (found[channel] ?? 0) * b) / 255;
      const onWhite = onBlack - (a - b);
      colour = Math.max(colour, Math.abs(onBlack), Math.abs(onWhite));
    }
  }
  return { colour, alpha };
}

/** What everybody sends: sharp's PNG with nothing chosen. */
async function plain({ width, height, channels, data }: Pixels): Promise<Buffer> {
  const raw = { width, height, channels };
  return await sharp(data, { raw }).png().toBuffer();
}

/** Pictures for which one way to write them is much better than another. */
const KINDS: Record<string, (edge: number) => Pixels> = {
  'a photograph': (edge) => photograph(edge, 3),
  'a grey photograph': (edge) => photograph(edge, 1),
  'a badge with a soft edge': badge,
  'a soft shadow under a letter': (edge) =>
    picture(edge, 4, (x, y, channel) => {
      const [across, down] = [x / edge - 0.5, y / edge - 0.5];
      const isLetter = Math.abs(across) < 0.1 && Math.abs(down) < 0.3;
      if (channel < 3) return isLetter ? 230 : Math.round(40 + 60 * Math.abs(across));
      return isLetter ? 255 : Math.round(255 * Math.max(0, 0.6 - Math.hypot(across, down)));
    }),
  'slopes that repeat from line to line': (edge) =>
    picture(edge, 3, (x, y, channel) => {
      const tile = ((Math.floor((x * 9) / edge) + Math.floor((y * 3) / edge)) * 83) % 256;
      return channel === 0 ? tile : (((x * x * (channel + 3)) >> 2) + tile) % 256;
    }),
  'slopes of few colours': (edge) =>
    picture(edge, 3, (x, y, channel) =>
      channel === 0 ? (x * 16) / edge : 80 + ((y * 16) / edge) * channel,
    ),
  'grey blocks with alpha': (edge) =>
    picture(edge, 2, (x, y, channel) => {
      const block = Math.floor((x * 8) / edge) + 8 * Math.floor((y * 8) / edge);
      return channel === 1 ? 200 + (block % 50) : (block * 97) % 256;
    }),
  'a sign of one colour': (edge) =>
    picture(edge, 3, (x, y) => (Math.abs(x - y) < edge / 9 ? 20 : 250)),
};

describe('a PNG', () => {
  it.each([
    [2, 1],
    [4, 2],
    [16, 4],
    [17, 8],
    [256, 8],
  ])('of %i colours is a palette of %i bits, exactly', async (colours, depth) => {
    const pixels = picture(160, 3, (x, y, channel) => {
      const colour = scattered(x, y) % colours;
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
    const pixels = picture(160, 3, (x, y, channel) => {
      const colour = scattered(x >> 2, y >> 2) % 200;
      // Every other one is off by one level.
      return channel === 0 ? colour + (y & 4 ? 1 : 0) : (colour * (channel + 5)) % 251;
    });
    const { colourType } = await decode(encodePng(pixels));
    expect(colourType).toBe(INDEXED);
    const { colour, alpha } = await worst(pixels);
    expect(colour).toBeGreaterThan(0);
    expect(colour).toBeLessThanOrEqual(1);
    expect(alpha).toBe(0);
  });

  it('of a drawing with too many colours for that is exact', async () => {
    const pixels = picture(120, 3, (x, y, channel) => {
      const colour = scattered(x % 30, y % 24);
      return [colour & 255, colour >> 8, 0][channel] ?? 0;
    });
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

  it('merges no colours that are alike on black only', async () => {
    const pixels = picture(160, 4, (x, y, channel) => {
      const colour = scattered(x >> 1, y >> 1) % 330;
      const alpha = 60 + (colour % 66);
      return [alpha % 2 === 0 ? 0 : 2, Math.floor(colour / 66) * 50, 0, alpha][channel] ?? 0;
    });
    expect((await decode(encodePng(pixels))).colourType).toBe(INDEXED);
    const { colour, alpha } = await worst(pixels);
    expect(colour).toBeLessThanOrEqual(1);
    expect(alpha).toBeLessThanOrEqual(1);
  });

  it('merges nothing that is opaque with what is nearly so', async () => {
    // Three hundred colours, of which a third can be merged.
    const pixels = picture(160, 4, (x, y, channel) => {
      const [colour, variety] = [scattered(x >> 2, y >> 2) % 100, (y & 3) % 3];
      if (channel === 3) return variety === 0 ? 254 : 255;
      return channel === 0 ? colour + (variety === 1 ? 1 : 0) : (colour * (channel + 5)) % 251;
    });
    const png = encodePng(pixels);
    const { data, colourType } = await decode(png);
    expect(colourType).toBe(INDEXED);
    const alphasOf = (samples: Uint8Array) => samples.filter((_, at) => at % 4 === 3);
    expect(alphasOf(data)).toEqual(alphasOf(pixels.data));
  });

  it('says for no more colours than have it how transparent they are', async () => {
    // More colours than a palette has, of which some are merged and one, the most frequent last, is clear.
    const pixels = picture(160, 4, (x, y, channel) => {
      const colour = scattered(x >> 2, y >> 2) % 200;
      if (colour === 199) return channel === 3 ? 100 : 180;
      if (channel === 3) return 255;
      return channel === 0 ? colour + (y & 4 ? 1 : 0) : (colour * (channel + 5)) % 251;
    });
    const png = encodePng(pixels);
    expect((await decode(png)).colourType).toBe(INDEXED);
    const chunk = png.indexOf('tRNS', 0, 'latin1');
    expect(png.readUInt32BE(chunk - 4)).toBe(1);
  });

  const sizes = [24, 48, 72, 96, 144, 288];

  it.each(Object.entries(KINDS))('of %s is never larger than a plain one', async (_, draw) => {
    for (const edge of sizes) {
      const pixels = draw(edge);
      const share = encodePng(pixels).length / (await plain(pixels)).length;
      expect(share, `${edge}`).toBeLessThan(1.03);
      const { colour, alpha } = await worst(pixels);
      expect(Math.max(colour, alpha), `${edge}`).toBeLessThanOrEqual(1);
    }
  });

  const files = readdirSync('demo', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

  it.each(files)('of %s is never larger than a plain one', async (file) => {
    for (const edge of sizes) {
      const { data, info } = await sharp(readFileSync(file), { autoOrient: true })
        .resize(edge, edge)
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true });
      const { width, height, channels } = info;
      const pixels = { width, height, channels, data };
      const share = encodePng(pixels).length / (await plain(pixels)).length;
      expect(share, `${edge}`).toBeLessThan(1.03);
    }
  });
});
