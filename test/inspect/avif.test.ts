import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { avifGrid, avifSizes, box, fileType, fullBox, pictureSize } from '../support/pictures.ts';
import { inspector, refusal, refusalCode } from './support.ts';

const EDGE = 64;

let still: Buffer;

beforeAll(async () => {
  still = await sharp({
    create: { width: EDGE, height: EDGE, channels: 3, background: '#a31' },
  })
    .avif({ effort: 0 })
    .toBuffer();
});

describe('an AVIF', () => {
  it('passes as it is, with or without alpha', async () => {
    const transparent = await sharp({
      create: { width: 90, height: 50, channels: 4, background: '#a318' },
    })
      .avif({ effort: 0 })
      .toBuffer();
    expect(inspector.inspect(still)).toMatchObject({ format: 'avif', width: EDGE, height: EDGE });
    expect(inspector.inspect(still).bytes).toBe(still);
    expect(inspector.inspect(transparent)).toMatchObject({ width: 90, height: 50, frames: 1 });
  });

  it('is deep when its samples have more than 8 bits', async () => {
    const deep = sharp(still).toColourspace('rgb16');
    for (const bitdepth of [10, 12] as const) {
      const bytes = await deep.clone().avif({ effort: 0, bitdepth }).toBuffer();
      expect(inspector.inspect(bytes).isDeep, `${bitdepth} bits`).toBe(true);
    }
    expect(inspector.inspect(still).isDeep).toBe(false);
    expect(inspector.inspect(avifSizes([64, 64])).isDeep).toBe(false);
    // Cut off within the configuration of its decoder.
    const properties = box('ipco', pictureSize(9, 9), box('av1C', Buffer.from([0x81, 0])));
    const cut = Buffer.concat([fileType('avif'), fullBox('meta', 0, box('iprp', properties))]);
    expect(inspector.inspect(cut).isDeep).toBe(false);
  });

  it('passes under the generic brand when it says it is AVIF, and the decoder agrees', async () => {
    const generic = Buffer.from(still);
    generic.write('mif1', 8, 'latin1');
    expect(inspector.inspect(generic)).toMatchObject({ format: 'avif', width: EDGE });
    await expect(sharp(generic).raw().toBuffer()).resolves.toHaveLength(EDGE * EDGE * 3);
  });

  it('may use box sizes of 64 bits, and boxes that reach to the end', () => {
    const sizes = box('iprp', box('ipco', pictureSize(30, 20)));
    const body = Buffer.concat([Buffer.alloc(4), sizes]);
    const long = Buffer.concat([
      Buffer.from([0, 0, 0, 1]),
      Buffer.from('meta'),
      Buffer.from([0, 0, 0, 0, 0, 0, 0, 16 + body.length]),
      body,
    ]);
    const open = Buffer.concat([Buffer.alloc(4), Buffer.from('meta'), body]);
    for (const meta of [long, open]) {
      const bytes = Buffer.concat([fileType('avif', 'avif'), meta]);
      expect(inspector.inspect(bytes)).toMatchObject({ width: 30, height: 20 });
    }
  });

  it('is held to a quarter of the pixels, by the largest size it tells', () => {
    expect(refusalCode(avifSizes([3500, 3500]))).toBeUndefined();
    expect(refusalCode(avifSizes([3600, 3600]))).toBe('original_too_many_pixels');
    expect(refusalCode(avifSizes([64, 64], [65_535, 65_535]))).toBe('original_too_many_pixels');
    expect(refusalCode(avifSizes([0, 9]))).toBe('original_corrupt');
  });

  it('is as large as the item it names, beside others, and is expected to take the largest', () => {
    for (const version of [0, 1]) {
      const id = (item: number): Buffer => Buffer.from(version === 0 ? [0, item] : [0, 0, 0, item]);
      const sizes = box('ipco', pictureSize(300, 200), pictureSize(30, 20));
      // Associations of 15 bits, as version 1 may have them, with the second size for item 7.
      const wide = Buffer.from([version, 0, 0, 1, 0, 0, 0, 2]);
      const entries = [id(6), Buffer.from([1, 0x80, 1]), id(7), Buffer.from([1, 0x80, 2])];
      const bytes = Buffer.concat([
        fileType('avif', 'avif'),
        fullBox(
          'meta',
          0,
          fullBox('pitm', version, id(7)),
          box('iprp', sizes, box('ipma', wide, ...entries)),
        ),
      ]);
      expect(inspector.inspect(bytes)).toMatchObject({ width: 30, height: 20 });
      expect(inspector.inspect(bytes).decodedBytes).toBe(300 * 200 * 20);
    }
  });

  it('without sizes, or cut off before them, is refused', () => {
    expect(refusalCode(avifSizes())).toBe('original_corrupt');
    expect(refusalCode(Buffer.concat([fileType('avif', 'avif'), box('mdat')]))).toBe(
      'original_corrupt',
    );
    expect(refusalCode(still.subarray(0, 100))).toBe('original_corrupt');
    const properties = box('ipco', fullBox('ispe', 0, Buffer.alloc(4)));
    const cut = Buffer.concat([fileType('avif'), fullBox('meta', 0, box('iprp', properties))]);
    expect(refusalCode(cut)).toBe('original_corrupt');
  });

  it('whose picture has no height, beside an item that has, is refused', () => {
    const bytes = avifGrid(still, { output: [EDGE, 0], tile: [EDGE, EDGE], columns: 1, rows: 1 });
    expect(refusalCode(bytes)).toBe('original_corrupt');
  });

  it('is expected to take 20 bytes a pixel', () => {
    expect(inspector.inspect(avifSizes([3000, 2000])).decodedBytes).toBe(3000 * 2000 * 20);
  });
});

describe('an AVIF grid', () => {
  it('of tiles side by side passes, and its size is the whole', async () => {
    const output = [2 * EDGE, 2 * EDGE] as const;
    const bytes = avifGrid(still, { output, tile: [EDGE, EDGE], columns: 2, rows: 2 });
    expect(inspector.inspect(bytes)).toMatchObject({ width: 2 * EDGE, height: 2 * EDGE });
    await expect(sharp(bytes).raw().toBuffer()).resolves.toHaveLength(4 * EDGE * EDGE * 3);
  });

  it('whose tiles are far more than it shows is refused, since a decoder takes them all', () => {
    const edge = 3500;
    const tile = [edge, edge] as const;
    const bomb = avifGrid(still, { output: tile, tile, columns: 4, rows: 4 });
    expect(bomb.length).toBeLessThan(1000);
    expect(refusal(bomb)).toMatchObject({ code: 'original_hostile' });
    const plain = avifGrid(still, { output: tile, tile, columns: 1, rows: 1 });
    expect(refusalCode(plain)).toBeUndefined();
  });

  it('of grids is counted through', () => {
    expect(refusalCode(nested(2))).toBeUndefined();
    expect(refusalCode(nested(3))).toBe('original_hostile');
    expect(refusalCode(nested(9))).toBe('original_hostile');
  });

  it('cannot hide the size of its tiles from the count', () => {
    const small = associate([1, 1], [2, 1]);
    const large = associate([2, 2]);
    expect(refusalCode(hidden(small))).toBeUndefined();
    expect(refusalCode(hidden(large))).toBe('original_hostile');
    expect(refusalCode(hidden(Buffer.concat([small, large])))).toBe('original_hostile');
    // A coded tile that claims to be drawn from something small.
    const claim = box('dimg', Buffer.from([0, 2, 0, 1, 0, 3]));
    expect(refusalCode(hidden(associate([2, 2], [3, 1]), claim))).toBe('original_hostile');
    // A second list of what there is.
    const sizes = avifSizes([64, 64]);
    const second = sizes.subarray(fileType('avif', 'avif', 'mif1').length);
    expect(refusalCode(Buffer.concat([sizes, second]))).toBe('original_corrupt');
  });

  it('drawn from itself, or from a tile without a size, is refused', () => {
    expect(refusalCode(drawnFrom(1))).toBe('original_hostile');
    expect(refusalCode(drawnFrom(2))).toBe('original_corrupt');
  });
});

describe('a hostile AVIF', () => {
  it('made of countless boxes, items or references is refused', () => {
    const type = fileType('avif', 'avif');
    const boxes = Buffer.alloc(11_000 * 8, box('free'));
    expect(refusalCode(Buffer.concat([type, boxes]))).toBe('original_hostile');

    const sizes = box('ipco', pictureSize(9, 9));
    const items = Buffer.alloc(11_000 * 3, Buffer.from([0, 1, 0]));
    const associations = fullBox('ipma', 0, Buffer.from([0xff, 0xff, 0xff, 0xff]), items);
    expect(
      refusalCode(Buffer.concat([type, fullBox('meta', 0, box('iprp', sizes, associations))])),
    ).toBe('original_hostile');

    const tiles = box('dimg', Buffer.from([0, 1, 0xff, 0xff]), Buffer.alloc(2 * 65_535, 1));
    expect(
      refusalCode(
        Buffer.concat([type, fullBox('meta', 0, fullBox('iref', 0, tiles), box('iprp', sizes))]),
      ),
    ).toBe('original_hostile');
  });
});

/** So many grids, each drawing the one below it three times; the last is a picture of 1000×1000. */
function nested(depth: number): Buffer {
  const references = Array.from({ length: depth }, (_, n) =>
    box('dimg', Buffer.from([0, n + 1, 0, 3, 0, n + 2, 0, n + 2, 0, n + 2])),
  );
  const items = Array.from({ length: depth + 1 }, (_, n) => Buffer.from([0, n + 1, 1, 1]));
  const associations = fullBox('ipma', 0, Buffer.from([0, 0, 0, depth + 1]), ...items);
  return Buffer.concat([
    fileType('avif', 'avif'),
    fullBox(
      'meta',
      0,
      fullBox('pitm', 0, Buffer.from([0, 1])),
      fullBox('iref', 0, ...references),
      box('iprp', box('ipco', pictureSize(1000, 1000)), associations),
    ),
  ]);
}

function drawnFrom(input: number): Buffer {
  const reference = box('dimg', Buffer.from([0, 1, 0, 1, 0, input]));
  return Buffer.concat([
    fileType('avif', 'avif'),
    fullBox(
      'meta',
      0,
      fullBox('iref', 0, reference),
      box('iprp', box('ipco', pictureSize(64, 64))),
    ),
  ]);
}

/** Nine tiles, all of item 2, with properties 1 of 64×64 and 2 of 3000×3000 to associate. */
function hidden(associations: Buffer, ...references: readonly Buffer[]): Buffer {
  const tiles = Array.from({ length: 9 }, () => Buffer.from([0, 2]));
  const grid = box('dimg', Buffer.from([0, 1, 0, 9]), ...tiles);
  const sizes = box('ipco', pictureSize(64, 64), pictureSize(3000, 3000));
  return Buffer.concat([
    fileType('avif', 'avif'),
    fullBox('meta', 0, fullBox('iref', 0, grid, ...references), box('iprp', sizes, associations)),
  ]);
}

/** @param pairs item and property */
function associate(...pairs: ReadonlyArray<readonly [number, number]>): Buffer {
  const entries = pairs.map(([item, property]) => Buffer.from([0, item, 1, property]));
  return fullBox('ipma', 0, Buffer.from([0, 0, 0, pairs.length]), ...entries);
}
