/** What a run over the corpus found, as tables, targets and a plot. Pure. */
import { AVIF, JPEG, MAGICK, MAGICK_PNG, OURS, PLAIN, PNG, WEBP } from './quality-contestants.ts';
import type { CorpusPicture } from './quality-corpus.ts';
import { linePlot } from './plot.ts';
import { median, quantile, sum } from './statistics.ts';
import { number, type Report, type Table } from './table.ts';

export const SIZES = [24, 48, 72, 96, 144, 288];
/** Smaller ones are mostly headers. */
const COMPARED = SIZES.slice(1);
/** A distance below this nobody sees, and ratios of nothing say nothing. */
const INVISIBLE = 0.0005;

export type Outcome = {
  readonly bytes: number;
  /** Of each round. */
  readonly cpuMs: readonly number[];
  /** From the reference: 1 − similarity. Undefined where there is nothing to compare. */
  readonly distance: number | undefined;
};

export type Result = {
  readonly picture: CorpusPicture;
  readonly size: number;
  readonly made: ReadonlyMap<string, Outcome>;
};

type Read = (outcome: Outcome) => number | undefined;

const BYTES: Read = ({ bytes }) => bytes;
const CPU: Read = ({ cpuMs }) => median(cpuMs);
/** What others on the machine take of a single picture only adds to it. */
const LEAST_CPU: Read = ({ cpuMs }) => Math.min(...cpuMs);
const DISTANCE: Read = ({ distance }) => distance;

/** @param pictures which they are, in words */
export function qualityReport(results: readonly Result[], pictures: string): Report {
  const names = [...new Set(results.flatMap(({ made }) => [...made.keys()]))];
  const cpuOf = (name: string, size: number): number =>
    sum(valuesOf(results, name, size, CPU)) / valuesOf(results, name, size, CPU).length;
  const worstCpu = (these: readonly string[], other: string, sizes: readonly number[]): number =>
    Math.max(
      ...these.flatMap((name) => sizes.map((size) => cpuOf(name, size) / cpuOf(other, size))),
    );
  return {
    title: 'Quality',
    about:
      `${pictures}; each at ${SIZES.join(', ')} pixels. ` +
      'The reference is ImageMagick decoding every pixel, converting to sRGB and scaling with Lanczos, nothing else. ' +
      'Distance is 1 − multi-scale SSIM over the planes of Oklab, in thousandths; pictures with transparency are compared on ' +
      'black and on white, and the worse counts. Bytes and distances are medians, CPU is a mean: for sharp in this process tree ' +
      'without HTTP, for ipx and nginx with it.',
    tables: [
      tableOf('median bytes', names, (name, size) =>
        number(median(valuesOf(results, name, size, BYTES))),
      ),
      tableOf('CPU ms', names, (name, size) => number(cpuOf(name, size))),
      tableOf('median distance, ‰', names, (name, size) =>
        thousandths(valuesOf(results, name, size, DISTANCE), 0.5),
      ),
      tableOf('distance, ‰: nine of ten are nearer', names, (name, size) =>
        thousandths(valuesOf(results, name, size, DISTANCE), 0.9),
      ),
      cpuShares(results),
      ...corpusShares(results),
    ],
    targets: [
      bytesTarget(results, WEBP, MAGICK, 0.6),
      distanceTarget(results, WEBP, MAGICK),
      bytesTarget(results, AVIF, MAGICK, 0.45),
      distanceTarget(results, AVIF, MAGICK),
      bytesTarget(results, PNG, MAGICK_PNG, 0.75),
      distanceTarget(results, PNG, MAGICK_PNG),
      {
        what: `CPU ÷ ${MAGICK}, WebP, AVIF and PNG, worst of 48–288`,
        values: [worstCpu([WEBP, AVIF, PNG], MAGICK, COMPARED)],
        atMost: 0.5,
      },
      { what: 'CPU of AVIF ÷ PNG, worst size', values: [worstCpu([AVIF], PNG, SIZES)], atMost: 3 },
      {
        what: `CPU of PNG ÷ ${PLAIN}, worst size`,
        values: [worstCpu([PNG], PLAIN, SIZES)],
        atMost: 1.5,
      },
      {
        what: `CPU of PNG ÷ ${PLAIN}, picture by picture, 95th percentile of the worst size`,
        values: [
          Math.max(
            ...SIZES.map((size) => quantile(shares(results, PNG, PLAIN, [size], LEAST_CPU), 0.95)),
          ),
        ],
        atMost: 1.5,
      },
    ],
    notes: [
      'PNG: no colour is off by more than one level of 255 in any channel, on whatever it is shown. That is what "no visible difference" means here.',
      'Not counted for ImageMagick: the passes of jpegoptim, oxipng and a lossy pngquant that Discourse makes afterwards.',
      'Other colours than sRGB’s are adapted where a profile tells of them. Where only numbers do, in a gAMA, cHRM or cICP chunk of a PNG or as the primaries and the transfer function of an AVIF (nclx), they are shown as if they were sRGB’s; browsers would adapt them. Of 266 PNG files collected for the tests only 17 are of another gamma, all of them made to test decoders.',
      "Nothing is sharpened, for the reasons in encoder-settings.md; Discourse's unsharp mask is part of its distance from the reference.",
      'Where an odd line or column is cropped away, whether it is from one side or the other is part of the distance too.',
    ],
    plots: [
      {
        file: 'quality.svg',
        alt: 'Bytes by size, as shares of what Discourse’s ImageMagick makes',
        svg: linePlot(
          'Median bytes ÷ ImageMagick as Discourse calls it, format kept',
          { x: 'pixels', y: '' },
          [PNG, JPEG, WEBP, AVIF].map((name) => ({
            label: shortOf(name),
            points: SIZES.map(
              (size) => [size, median(shares(results, name, MAGICK, [size], BYTES))] as const,
            ),
          })),
        ),
      },
    ],
  };
}

/** Means hide what single pictures take; of each, the round that took least. */
function cpuShares(results: readonly Result[]): Table {
  const rows = [
    [PNG, PLAIN],
    [AVIF, PNG],
  ].flatMap(([name = '', other = '']) =>
    [0.5, 0.95].map((share) => [
      `${shortOf(name)} ÷ ${shortOf(other)}, ${share === 0.5 ? 'median' : '95th percentile'}`,
      ...SIZES.map((size) =>
        number(quantile(shares(results, name, other, [size], LEAST_CPU), share)),
      ),
    ]),
  );
  return { head: ['CPU, picture by picture', ...SIZES.map(String)], rows };
}

/** Where there are several folders. */
function corpusShares(results: readonly Result[]): Table[] {
  const byCorpus = [...Map.groupBy(results, ({ picture }) => picture.corpus)];
  if (byCorpus.length === 1) return [];
  const pairs = [
    [WEBP, MAGICK],
    [AVIF, MAGICK],
    [PNG, MAGICK_PNG],
  ] as const;
  const ratio = (of: readonly Result[], name: string, other: string, read: Read): string =>
    number(median(shares(of, name, other, COMPARED, read)));
  return [
    {
      head: [
        'of 48–288, ÷ ImageMagick as Discourse',
        ...pairs.flatMap(([name]) => [`${shortOf(name)} bytes`, 'distance']),
      ],
      rows: byCorpus.map(([corpus, of]) => [
        corpus,
        ...pairs.flatMap(([name, other]) => [
          ratio(of, name, other, BYTES),
          ratio(of, name, other, visible),
        ]),
      ]),
    },
  ];
}

function shortOf(name: string): string {
  return name.replace(OURS, '');
}

function bytesTarget(
  results: readonly Result[],
  name: string,
  other: string,
  atMost: number,
): Report['targets'][number] {
  const what = `bytes: ${name} ÷ ${other}, median of 48–288`;
  return { what, values: [median(shares(results, name, other, COMPARED, BYTES))], atMost };
}

function distanceTarget(
  results: readonly Result[],
  name: string,
  other: string,
): Report['targets'][number] {
  const what = `distance: ${name} ÷ ${other}, median of 48–288`;
  return { what, values: [median(shares(results, name, other, COMPARED, visible))], atMost: 1 };
}

function visible({ distance }: Outcome): number | undefined {
  return distance === undefined ? undefined : distance + INVISIBLE;
}

/** Picture by picture. */
function shares(
  results: readonly Result[],
  name: string,
  other: string,
  sizes: readonly number[],
  read: Read,
): number[] {
  return results
    .filter(({ size }) => sizes.includes(size))
    .flatMap(({ made }) => {
      const [one, two] = [name, other].map((each) => {
        const found = made.get(each);
        return found === undefined ? undefined : read(found);
      });
      return one === undefined || two === undefined ? [] : [one / two];
    });
}

function valuesOf(results: readonly Result[], name: string, size: number, read: Read): number[] {
  return results
    .filter((result) => result.size === size)
    .flatMap(({ made }) => {
      const each = made.get(name);
      const value = each === undefined ? undefined : read(each);
      return value === undefined ? [] : [value];
    });
}

function thousandths(distances: readonly number[], share: number): string {
  return (quantile(distances, share) * 1000).toFixed(1);
}

function tableOf(
  what: string,
  names: readonly string[],
  cell: (name: string, size: number) => string,
): Table {
  return {
    head: [what, ...SIZES.map(String)],
    rows: names.map((name) => [name, ...SIZES.map((size) => cell(name, size))]),
  };
}
