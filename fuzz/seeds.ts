/** What mutants are made from: the pictures collected, where there are any, and those made here. */
import sharp from 'sharp';
import { identify } from '../src/inspect/magic.ts';
import { card } from '../test/support/cards.ts';
import { loadCases } from '../test/support/corpus.ts';
import {
  avifGrid,
  compressedProfile,
  compressedText,
  gif,
  png,
  webp,
  webpCanvas,
  webpFrame,
  webpLosslessHeader,
  withEmptyScans,
} from '../test/support/pictures.ts';
import type { Dice } from './dice.ts';
import type { Seed } from './mutate.ts';

/** Larger files are slow to send, and a change in them seldom falls where it matters. */
const LARGEST_SEED = 120_000;
/** What takes long to decode is taken seldom: mutants of it do too. */
const MANY_PIXELS = 4e6;
const SHARE_OF_LARGE = 0.02;

export class Seeds {
  readonly #ordinary: Map<string, Seed[]>;
  readonly #large: readonly Seed[];

  constructor(ordinary: readonly Seed[], large: readonly Seed[]) {
    this.#ordinary = Map.groupBy(ordinary, ({ format }) => format);
    this.#large = large;
  }

  get count(): number {
    return [...this.#ordinary.values()].flat().length + this.#large.length;
  }

  /** All formats equally often, however many pictures there are of each. */
  pick(dice: Dice): Seed {
    if (this.#large.length > 0 && dice.chance(SHARE_OF_LARGE)) return dice.pick(this.#large);
    return dice.pick(dice.pick([...this.#ordinary.values()]));
  }

  /** To take pieces from: mostly of the same format. */
  pickDonor({ format }: Seed, dice: Dice): Seed {
    const same = this.#ordinary.get(format);
    return same === undefined || dice.chance(0.1) ? this.pick(dice) : dice.pick(same);
  }
}

export async function loadSeeds(): Promise<Seeds> {
  const ordinary: Seed[] = [];
  const large: Seed[] = [];
  const cases = [...(await loadCases()), ...(await peculiar())];
  for (const { name, bytes, width, height } of cases) {
    const identity = identify(bytes);
    if (identity.kind !== 'served' || bytes.length > LARGEST_SEED) continue;
    const isLarge = (width ?? 0) * (height ?? 0) > MANY_PIXELS;
    (isLarge ? large : ordinary).push({ name, bytes, format: identity.format });
  }
  return new Seeds(ordinary, large);
}

type Peculiar = Pick<Seed, 'name' | 'bytes'> & {
  readonly width?: number;
  readonly height?: number;
};

/** With what the inspector looks at: animations, profiles, grids, scans, orientation. */
async function peculiar(): Promise<Peculiar[]> {
  const still = await card(40, 30).avif({ effort: 0 }).toBuffer();
  const progressive = await card(40, 30).jpeg({ progressive: true }).toBuffer();
  const frames = await Promise.all(
    [card(40, 30), card(40, 30).negate()].map((frame) => frame.png().toBuffer()),
  );
  const animation = sharp(frames, { join: { animated: true } });
  const frame = webpFrame(8, 8, webpLosslessHeader(8, 8));
  const pictures = {
    profile: await card(40, 30).withIccProfile('p3').png().toBuffer(),
    'large profile': png({ before: [compressedProfile(600_000)] }),
    texts: png({ before: [compressedText(9000), compressedText(90)] }),
    interlaced: await card(40, 30).png({ progressive: true }).toBuffer(),
    palette: await card(40, 30).png({ palette: true }).toBuffer(),
    turned: await card(40, 30).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    cmyk: await card(40, 30).toColourspace('cmyk').jpeg().toBuffer(),
    grey: await card(40, 30).greyscale().jpeg({ progressive: true }).toBuffer(),
    scans: withEmptyScans(progressive, 20),
    'animated GIF': await animation.clone().gif().toBuffer(),
    'empty GIF': gif(8, 8, [{}, {}]),
    'animated WebP': await animation.clone().webp().toBuffer(),
    'broken WebP': webp(webpCanvas(8, 8), frame, frame),
    'WebP with alpha': await card(40, 30).ensureAlpha(0.5).webp().toBuffer(),
    AVIF: still,
    'AVIF with alpha': await card(40, 30).ensureAlpha(0.5).avif({ effort: 0 }).toBuffer(),
    grid: avifGrid(still, { output: [80, 60], tile: [40, 30], columns: 2, rows: 2 }),
  };
  return Object.entries(pictures).map(([name, bytes]) => ({ name, bytes }));
}
