/**
 * Every good picture in five sizes, by the way that renderers take. The project's own are judged wherever
 * the programs for it are installed; those collected with `REQUIRE_DECODERS=1`, for it takes minutes.
 */
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { intermediateSquare } from '../../src/render/intermediate-square.ts';
import { lockDecoders, transformAll } from '../../src/render/transform.ts';
import { inspector } from '../inspect/support.ts';
import { type BrowserDecoder, startBrowserDecoder } from '../support/browser-decoder.ts';
import { hasChromium } from '../support/chromium.ts';
import { hasCommandDecoders } from '../support/command-decoders.ts';
import { type Case, collected, hasCorpus } from '../support/corpus.ts';
import { complaintsAbout, type Variant } from '../support/judge.ts';
import { ownPictures } from '../support/own-pictures.ts';

const IS_JUDGED = hasChromium && hasCommandDecoders;
const IS_THOROUGH = hasCorpus && process.env['REQUIRE_DECODERS'] === '1';

const SIZES = [24, 48, 96, 144, 288];
/** One of these at each size, beside PNG; the next at the next size, and for the next picture. */
const LOSSY = ['jpg', 'webp', 'avif'] as const;

let browser: BrowserDecoder;

beforeAll(async () => {
  if (!IS_JUDGED) return;
  browser = await startBrowserDecoder();
}, 60_000);

afterAll(async () => {
  if (IS_JUDGED) await browser.close();
});

describe.runIf(IS_JUDGED)('in five sizes', () => {
  it(`each of the pictures ${IS_THOROUGH ? 'made here and collected' : 'made here'} is upright, in its colours, and nothing besides`, async () => {
    const pictures = await ownPictures();
    const least = pictures.length;
    expect(least).toBeGreaterThan(15);
    if (IS_THOROUGH) pictures.push(...collected().filter(isGood));
    lockDecoders();
    expect(await mistakesIn(pictures)).toEqual([]);
    expect(pictures.length).toBeGreaterThan(IS_THOROUGH ? least + 300 : least - 1);
  }, 900_000);
});

describe.runIf(IS_JUDGED)('the judge', () => {
  const size = 48;
  let picture: Case;
  let ring: Case;

  beforeAll(async () => {
    const pictures = await ownPictures();
    const find = (name: string): Case => {
      const found = pictures.find((each) => each.name === name);
      if (found === undefined) throw new Error(`there is no ${name}`);
      return found;
    };
    [picture, ring] = [find('card of 16 bits'), find('half transparent')];
  });

  async function judged(of: Case, spoilt: Variant['format'], spoil: (good: Sharp) => Sharp) {
    const [png = Buffer.alloc(0)] = await transformAll(of.bytes, {
      variants: [{ size, format: 'png' }],
    });
    const bytes = await spoil(sharp(png)).toBuffer();
    const variants: Variant[] = [{ size, format: spoilt, bytes }];
    if (spoilt !== 'png') variants.push({ size, format: 'png', bytes: png });
    return (await complaintsAbout(of, variants, browser)).join('\n');
  }

  it('has nothing against what is right', async () => {
    for (const right of [picture, ring]) {
      expect(await judged(right, 'webp', (good) => good.webp({ lossless: true }))).toBe('');
    }
  });

  it('sees what is turned, of another size, in other colours, or not transparent any more', async () => {
    expect(await judged(picture, 'png', (good) => good.rotate(90).png())).toContain('is turned');
    expect(await judged(picture, 'png', (good) => good.flop().png())).toMatch(/bottom|top/);
    expect(await judged(picture, 'png', (good) => good.resize(47).png())).toContain('is 47×47');
    const pale = (good: Sharp): Sharp => good.modulate({ saturation: 0.7 });
    expect(await judged(picture, 'png', (good) => pale(good).png())).toContain('colours are off');
    expect(await judged(picture, 'jpg', (good) => pale(good).jpeg())).toContain('colours are off');
    const opaque = await judged(ring, 'avif', (good) => good.flatten().avif());
    expect(opaque).toContain('alpha is off');
  });

  it.each(['png', 'jpg', 'webp', 'avif'] as const)('sees metadata in %s', async (format) => {
    const kind = format === 'jpg' ? 'jpeg' : format;
    // sharp's own PNG has one block too many already.
    const plain = await judged(picture, format, (good) => good.toFormat(kind));
    for (const addTo of [
      (good: Sharp) => good.withExif({ IFD0: { Copyright: 'somebody' } }),
      (good: Sharp) => good.withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'),
      (good: Sharp) => good.withIccProfile('p3'),
    ]) {
      const complaints = await judged(picture, format, (good) => addTo(good).toFormat(kind));
      expect(complaints.length).toBeGreaterThan(plain.length);
      expect(complaints).toContain(`${size} px ${format}: has `);
    }
  });
});

function isGood({ expected, strict }: Case): boolean {
  return expected === 'ok' && strict;
}

/** Two at a time: one is decoded elsewhere while another is rendered here. */
async function mistakesIn(pictures: readonly Case[]): Promise<string[]> {
  const mistakes: string[] = [];
  const waiting = pictures.entries();
  const work = async (): Promise<void> => {
    for (const [index, picture] of waiting) {
      // What a decoder refuses is a mistake like any other.
      const complaints = await complaintsOf(picture, index).catch((error) => [String(error)]);
      mistakes.push(...complaints.map((complaint) => `${picture.name}: ${complaint}`));
    }
  };
  await Promise.all([work(), work()]);
  return mistakes;
}

async function complaintsOf(picture: Case, index: number): Promise<string[]> {
  return await complaintsAbout(picture, await render(picture, index), browser);
}

async function render({ bytes }: Case, index: number): Promise<Variant[]> {
  const original = inspector.inspect(bytes);
  const { isDeep } = original;
  const orders = SIZES.flatMap((size, at) => [
    { size, format: 'png' as const },
    { size, format: LOSSY[(index + at) % LOSSY.length] ?? 'jpg' },
  ]);
  // As the pool has them: all that can be made from one square together.
  const squares = Map.groupBy(orders, ({ size }) => intermediateSquare(original, size));
  const made = [...squares].map(async ([square, variants]) => {
    const encoded = await transformAll(original.bytes, { variants, square, isDeep });
    return variants.map((order, at) => ({ ...order, bytes: encoded[at] ?? Buffer.alloc(0) }));
  });
  return (await Promise.all(made)).flat();
}
