/**
 * Settings of the encoders that the profiles do not have, beside those they have: what each makes of
 * bytes, likeness and CPU. `npm run bench:settings -- FOLDER…` writes docs/encoder-settings.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AvifOptions, JpegOptions, Sharp, SharpenOptions, WebpOptions } from 'sharp';
import { createInspector } from '../src/inspect/inspect.ts';
import { encode, fromPixels, readPixels } from '../src/render/encode.ts';
import { type Survey, survey } from '../src/render/png/survey.ts';
import { avifProfile, isDrawing, jpegProfile } from '../src/render/profiles.ts';
import { intermediateSquare } from '../src/render/intermediate-square.ts';
import { pictureOf } from '../src/render/transform.ts';
import type { Format } from '../src/vocabulary/formats.ts';
import { type BenchContext, isQuick, runBench } from './support/bench.ts';
import { describeMachine } from './support/machine.ts';
import type { CorpusPicture } from './support/quality-corpus.ts';
import {
  describePictures,
  openReferences,
  pixelsOf,
  type References,
} from './support/quality-references.ts';
import { comparedWith, type Pixels } from './support/similarity.ts';
import { median, sum } from './support/statistics.ts';
import { number, type Report, renderReport, type Table } from './support/table.ts';

const SIZES = [48, 96, 144, 288];
/** A distance below this nobody sees. */
const INVISIBLE = 0.0005;
/** Reduced by as much, pictures are sharpened by those who do. */
const REDUCED = 2;

type Encode = (picture: Sharp, size: number, facts: Survey) => Promise<Buffer>;
type Encoders = Readonly<Record<string, Encode>>;

const asItIs =
  (format: Format): Encode =>
  (picture, size) =>
    encode(picture, { format, size });
const jpeg =
  (options: JpegOptions): Encode =>
  (picture, size) =>
    picture.jpeg({ ...jpegProfile(size), ...options }).toBuffer();
const webp =
  (options: WebpOptions): Encode =>
  (picture) =>
    picture.webp(options).toBuffer();
const avif =
  (options: AvifOptions): Encode =>
  (picture, size, facts) =>
    picture.avif({ ...avifProfile(size, facts), ...options }).toBuffer();

/** The profile's come first of each format. */
const OPAQUE: Encoders = {
  'JPEG as it is': asItIs('jpg'),
  'JPEG, 80': jpeg({ quality: 80 }),
  'JPEG, 84, half the colour resolution': jpeg({ quality: 84, chromaSubsampling: '4:2:0' }),
  'JPEG, 88, half the colour resolution': jpeg({ quality: 88, chromaSubsampling: '4:2:0' }),
};
const AVIF: Encoders = {
  'AVIF as it is': asItIs('avif'),
  ...Object.fromEntries([60, 68, 72].map((quality) => [`AVIF, ${quality}`, avif({ quality })])),
  'AVIF, half the colour resolution, 76': avif({ quality: 76, chromaSubsampling: '4:2:0' }),
  'AVIF, tuned for structure, 62': avif({ quality: 62, tune: 'ssim' }),
  'AVIF, tuned for eyes, 62': avif({ quality: 62, tune: 'iq' }),
  'AVIF, tuned for noise, 64': avif({ quality: 64, tune: 'psnr' }),
  ...Object.fromEntries([0, 1, 2, 4].map((effort) => [`AVIF, effort ${effort}`, avif({ effort })])),
};
const PHOTOGRAPHS: Encoders = {
  'WebP as it is': asItIs('webp'),
  ...Object.fromEntries(
    [80, 83, 86, 88, 92].map((quality) => [
      `WebP, ${quality}, plain`,
      webp({ quality, effort: 4 }),
    ]),
  ),
  'WebP, 86': webp({ quality: 86, effort: 4, smartSubsample: true }),
  'WebP, 83, effort 2': webp({ quality: 83, effort: 2, smartSubsample: true }),
  ...AVIF,
};
const DRAWINGS: Encoders = {
  'WebP as it is': asItIs('webp'),
  'WebP, without loss': webp({ lossless: true, effort: 2 }),
  'WebP, nearly without loss, 60': webp({ nearLossless: true, quality: 60, effort: 2 }),
  'WebP, nearly without loss, 20': webp({ nearLossless: true, quality: 20, effort: 2 }),
  'WebP, 90': webp({ quality: 90, effort: 4 }),
  ...AVIF,
};
/** Of pictures reduced to half and less. The second is what a closed change to Discourse had. */
const SHARPENED: Record<string, SharpenOptions | undefined> = {
  'not sharpened': undefined,
  'sigma 0.5, 0.7': { sigma: 0.5, m1: 0.7 },
  'sigma 0.5, 0.35': { sigma: 0.5, m1: 0.35 },
};

/** What was encoded, how and for how much. */
type Encoded = {
  readonly group: string;
  readonly setting: string;
  readonly bytes: Buffer;
  readonly cpuMs: number;
};

/** Shares are of what Discourse makes, in the original's format. */
type Made = Omit<Encoded, 'bytes'> & {
  readonly distance: number;
  readonly bytesShare: number;
  readonly distanceShare: number;
};

export async function settings(context: BenchContext): Promise<Report> {
  const references = await openReferences(context);
  const made: Made[] = [];
  for (const size of SIZES) {
    for (const picture of references.pictures) {
      made.push(...(await tryAll(references, picture, size, context.workshop.folder)));
    }
    context.say(`${size} pixels, ${references.pictures.length} pictures`);
  }
  return {
    title: 'Settings',
    about:
      `${describePictures(references.pictures, references.leftOut)}; each at ${SIZES.join(', ')} pixels. Medians, picture by picture. ` +
      'Bytes and distance (as in quality.md) are shares of what ImageMagick as Discourse calls it makes in the format of the original; ' +
      'CPU, of the encoder alone but where there is something to be sharpened, is a share of what the profile takes. "As it is" is the profile; its other settings hold where nothing else is said.',
    tables: [...Map.groupBy(made, ({ group }) => group)].map(([group, of]) => tableOf(group, of)),
    targets: [],
    notes: [
      'Sharpening after a reduction, as Discourse does it, is not built. Lanczos leaves edges as they are: measured by the Laplacian of lightness, ours have 0.96 to 1.02 of the strength they have in the reference, those of Discourse 1.29 to 1.35. What sharpens them as much takes 8 to 10 % more bytes, goes nearly half as far again from the reference, or three times as far as an exact PNG, and doubles the CPU of the reduction.',
      'Above effort 2 AVIF gains most, and takes more than three times the CPU of the PNG from 96 pixels on.',
    ],
    plots: [],
  };
}

async function tryAll(
  references: References,
  picture: CorpusPicture,
  size: number,
  folder: string,
): Promise<Made[]> {
  const compare = comparedWith(await references.of(picture, size));
  const discourse = await discourseOf(references, picture, size, folder, compare);
  const made: Made[] = [];
  // Compared when all are encoded: what comparing leaves behind would be cleared away on others' account.
  for (const { bytes, ...encoded } of await encodeAll(readFileSync(picture.file), size)) {
    const distance = 1 - compare(await pixelsOf(bytes));
    made.push({
      ...encoded,
      distance,
      bytesShare: bytes.length / discourse.bytes,
      distanceShare: (distance + INVISIBLE) / (discourse.distance + INVISIBLE),
    });
  }
  return made;
}

async function encodeAll(file: Buffer, size: number): Promise<Encoded[]> {
  const original = inspector.inspect(file);
  const source = { size, square: intermediateSquare(original, size), isDeep: original.isDeep };
  const pixels = await readPixels(await pictureOf(original.bytes, source));
  const facts = survey(pixels);
  const encoded: Encoded[] = [];
  const note = async (group: string, setting: string, work: () => Promise<Buffer>) => {
    const before = process.cpuUsage();
    const bytes = await work();
    const { user, system } = process.cpuUsage(before);
    encoded.push({ group, setting, bytes, cpuMs: (user + system) / 1000 });
  };
  const groups: Readonly<Record<string, Encoders>> = {
    ...(facts.isOpaque && { opaque: OPAQUE }),
    ...(isDrawing(facts) ? { drawings: DRAWINGS } : { photographs: PHOTOGRAPHS }),
  };
  for (const [group, encoders] of Object.entries(groups)) {
    for (const [setting, work] of Object.entries(encoders)) {
      await note(group, setting, async () => await work(fromPixels(pixels), size, facts));
    }
  }
  if (Math.min(original.width, original.height) < REDUCED * size) return encoded;
  for (const format of ['png', 'webp', 'avif'] as const) {
    for (const [sharpness, options] of Object.entries(SHARPENED)) {
      await note('reduced to half and less', `${format}, ${sharpness}`, async () => {
        const whole = await pictureOf(original.bytes, source);
        return await encode(options === undefined ? whole : whole.sharpen(options), {
          format,
          size,
        });
      });
    }
  }
  return encoded;
}

const inspector = createInspector({ maxPixels: 50e6 });

async function discourseOf(
  { magick }: References,
  { name, file }: CorpusPicture,
  size: number,
  folder: string,
  compare: (other: Pixels) => number,
): Promise<{ bytes: number; distance: number }> {
  const to = join(folder, `discourse.${name.split('.').at(-1)}`);
  await magick.likeDiscourse({ from: file, to, size }, await magick.qualityFor(file));
  const bytes = readFileSync(to);
  return { bytes: bytes.length, distance: 1 - compare(await pixelsOf(bytes)) };
}

function tableOf(group: string, made: readonly Made[]): Table {
  const bySetting = [...Map.groupBy(made, ({ setting }) => setting)];
  const cpuOf = (of: readonly Made[]): number => sum(of.map(({ cpuMs }) => cpuMs));
  // The profile's are the first of each format.
  const profileOf = (setting: string): number =>
    cpuOf(bySetting.find(([name]) => formatOf(name) === formatOf(setting))?.[1] ?? []);
  return {
    head: [group, 'bytes', 'distance', 'distance, ‰', 'CPU'],
    rows: bySetting.map(([setting, of]) => [
      setting,
      number(median(of.map(({ bytesShare }) => bytesShare))),
      number(median(of.map(({ distanceShare }) => distanceShare))),
      (median(of.map(({ distance }) => distance)) * 1000).toFixed(1),
      number(cpuOf(of) / profileOf(setting)),
    ]),
  };
}

function formatOf(setting: string): string | undefined {
  return /^\w+/.exec(setting)?.[0];
}

if (import.meta.main) {
  const report = renderReport(await runBench(settings, isQuick()));
  if (isQuick()) process.stdout.write(`${report}\n`);
  else {
    const text = `# Encoder settings that were tried\n\nWritten by \`npm run bench:settings\`.\n\n${describeMachine()}\n\n${report}\n`;
    const file = join(import.meta.dirname, '..', 'docs', 'encoder-settings.md');
    writeFileSync(file, text.replace('\n## Settings\n\n', '\n'));
    process.stderr.write('docs/encoder-settings.md is written\n');
  }
}
