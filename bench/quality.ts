/**
 * Bytes, CPU and likeness of what is sent, beside sharp's plain PNG, ipx, nginx's image_filter and
 * ImageMagick as Discourse calls it. `npm run bench:quality` writes docs/quality.md; `AVATAR_CORPUS`
 * names a folder of pictures to add to those of the demo.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { type BenchContext, isQuick, runBench } from './support/bench.ts';
import { endedChildrenCpuSeconds, treeCpuSeconds } from './support/cpu.ts';
import { describeMachine, findImageMagick } from './support/machine.ts';
import { discourseArguments, referenceArguments } from './support/magick.ts';
import { nginxModule, type Peer, startIpx, startNginx } from './support/peers.ts';
import { linePlot } from './support/plot.ts';
import { collectPictures, type CorpusPicture } from './support/quality-corpus.ts';
import type { QualityJob } from './support/quality-loop.ts';
import { ask } from './support/service.ts';
import { comparedWith, type Pixels } from './support/similarity.ts';
import { median, quantile } from './support/statistics.ts';
import { number, type Report, renderReport, type Table } from './support/table.ts';
import type { Workshop } from './support/workshop.ts';

const SIZES = [24, 48, 96, 144, 288];
/** Smaller ones are mostly headers. */
const COMPARED = SIZES.slice(1);
const MOST_PICTURES = 64;
/** A distance below this nobody sees, and ratios of nothing say nothing. */
const INVISIBLE = 0.0005;

const DOCS = join(import.meta.dirname, '..', 'docs');
const run = promisify(execFile);

type Made = {
  readonly bytes: number;
  /** From the reference: 1 − similarity. Undefined where there is nothing to compare. */
  readonly distance: number | undefined;
};

type Result = {
  readonly picture: CorpusPicture;
  readonly size: number;
  readonly made: ReadonlyMap<string, Made>;
};

/** Makes one variant; undefined when it cannot. */
type Maker = (picture: CorpusPicture, size: number) => Promise<Buffer | undefined>;

type Contestant = {
  readonly make: Maker;
  /** Milliseconds of CPU so far. */
  readonly cpuMs: () => number;
};

const PNG = 'avatar-proxy, PNG';
const JPEG = 'avatar-proxy, JPEG';
const WEBP = 'avatar-proxy, WebP';
const AVIF = 'avatar-proxy, AVIF';
const PLAIN = "sharp's plain PNG";
const MAGICK = 'ImageMagick as Discourse, format kept';
const MAGICK_PNG = 'ImageMagick as Discourse, PNG';

export async function quality({ quick, workshop, say }: BenchContext): Promise<Report> {
  const magick = findImageMagick();
  if (magick === undefined)
    throw new Error('ImageMagick makes the references and is not installed');
  const folder = join(workshop.folder, 'pictures');
  const most = quick ? 8 : MOST_PICTURES;
  const pictures = collectPictures(folder, process.env['AVATAR_CORPUS'], most);
  const [first] = pictures;
  if (first === undefined) throw new Error('no pictures');
  const contestants = await startAll(workshop, folder, first.name, magick);
  const cpu = new Map<string, number>();
  const results: Result[] = [];
  // Compilers warm up on the first picture; its times are not counted.
  for (const { make } of contestants.values()) await make(first, 48);

  for (const size of SIZES) {
    for (const picture of pictures) {
      const reference = await makeReference(magick, picture, size, workshop.folder);
      const compare = comparedWith(reference);
      const made = new Map<string, Made>();
      for (const [name, { make, cpuMs }] of contestants) {
        const before = cpuMs();
        const bytes = await make(picture, size);
        const key = `${name} ${size}`;
        cpu.set(key, (cpu.get(key) ?? 0) + cpuMs() - before);
        const pixels = bytes === undefined ? undefined : await pixelsOf(bytes);
        // Some do not enlarge, or do not read this format.
        if (bytes === undefined || pixels?.width !== size || pixels.height !== size) continue;
        // JPEG has nothing to show transparency with.
        const isComparable = name !== JPEG || isOpaque(reference);
        const distance = isComparable ? 1 - compare(pixels) : undefined;
        made.set(name, { bytes: bytes.length, distance });
      }
      results.push({ picture, size, made });
    }
    say(`${size} pixels, ${pictures.length} pictures`);
  }
  return report(results, (name, size) => {
    const count = results.filter((each) => each.size === size && each.made.has(name)).length;
    return (cpu.get(`${name} ${size}`) ?? 0) / Math.max(1, count);
  });
}

async function startAll(
  workshop: Workshop,
  folder: string,
  sample: string,
  magick: string,
): Promise<Map<string, Contestant>> {
  const ours = (format: QualityJob['format']): Contestant => startOurs(workshop, format);
  const ipx = await startIpx(workshop, folder, undefined, sample);
  const imageFilter = await startImageFilter(workshop, folder);
  const overHttp = (peer: Peer, path: (name: string, size: number) => string): Contestant => ({
    make: async ({ name }, size) => {
      const { status, body } = await ask(`${peer.url}${path(name, size)}`);
      return status === 200 ? body : undefined;
    },
    cpuMs: () => treeCpuSeconds(peer.pid) * 1000,
  });
  const withMagick = (isKept: boolean): Contestant => ({
    make: async (picture, size) => {
      const extension = isKept ? picture.name.split('.').at(-1) : 'png';
      const to = join(workshop.folder, `magick.${extension}`);
      await run(magick, discourseArguments(picture.file, to, size, await qualityOf(picture)));
      return readFileSync(to);
    },
    cpuMs: () => endedChildrenCpuSeconds() * 1000,
  });
  return new Map([
    [PNG, ours('png')],
    [JPEG, ours('jpg')],
    [WEBP, ours('webp')],
    [AVIF, ours('avif')],
    [PLAIN, ours('plain')],
    ...(ipx === undefined
      ? []
      : (['png', 'webp', 'avif'] as const).map(
          (format) =>
            [
              `ipx, ${format}`,
              overHttp(ipx, (name, size) => `/s_${size}x${size},f_${format}/${name}`),
            ] as const,
        )),
    ...(imageFilter === undefined
      ? []
      : [
          [
            'nginx image_filter, format kept',
            overHttp(imageFilter, (name, size) => `/crop/${size}/${name}`),
          ] as const,
        ]),
    [MAGICK, withMagick(true)],
    [MAGICK_PNG, withMagick(false)],
  ]);
}

function startOurs(workshop: Workshop, format: QualityJob['format']): Contestant {
  const loop = workshop.start(
    process.execPath,
    [join(import.meta.dirname, 'support', 'quality-loop.ts')],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const { stdin, stdout } = loop.child;
  if (stdin === null || stdout === null) throw new Error('the loop has no pipes');
  const lines = createInterface({ input: stdout });
  let cpuMs = 0;
  return {
    make: async ({ file }, size) => {
      const job: QualityJob = {
        from: file,
        to: join(workshop.folder, `ours.${format}`),
        size,
        format,
      };
      const answer = once(lines, 'line');
      stdin.write(`${JSON.stringify(job)}\n`);
      cpuMs += Number((await answer)[0]);
      return readFileSync(job.to);
    },
    cpuMs: () => cpuMs,
  };
}

async function startImageFilter(workshop: Workshop, folder: string): Promise<Peer | undefined> {
  const module = nginxModule('ngx_http_image_filter_module.so', existsSync);
  if (module === undefined) return undefined;
  return await startNginx(workshop, {
    workers: 1,
    modules: [module],
    server: `location ~ ^/crop/(?<size>[0-9]+)/(?<name>.+)$ {
      alias ${folder}/$name;
      image_filter crop $size $size;
      image_filter_buffer 50M;
      image_filter_jpeg_quality 82;
    }`,
  });
}

const qualities = new Map<string, number | undefined>();

/** Discourse asks for 90 where the original's quality is higher or unknown, and else leaves it. */
async function qualityOf({ file }: CorpusPicture): Promise<number | undefined> {
  if (!qualities.has(file)) {
    const { stdout } = await run('/usr/bin/identify', ['-format', '%Q\n', `${file}[0]`]);
    const known = Number.parseInt(stdout, 10);
    qualities.set(file, known > 0 && known <= 90 ? undefined : 90);
  }
  return qualities.get(file);
}

async function makeReference(
  magick: string,
  { file }: CorpusPicture,
  size: number,
  folder: string,
): Promise<Pixels> {
  const to = join(folder, 'reference.png');
  await run(magick, referenceArguments(file, to, size));
  return await pixelsOf(readFileSync(to));
}

async function pixelsOf(bytes: Buffer): Promise<Pixels> {
  const { data, info } = await sharp(bytes)
    .toColourspace('srgb')
    .ensureAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

function isOpaque({ data }: Pixels): boolean {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return false;
  return true;
}

type CpuOf = (name: string, size: number) => number;

function report(results: readonly Result[], cpuOf: CpuOf): Report {
  const names = [...new Set(results.flatMap(({ made }) => [...made.keys()]))];
  const kinds = Map.groupBy(
    results.filter(({ size }) => size === SIZES[0]),
    ({ picture }) => picture.format,
  );
  const counts = [...kinds].map(([format, each]) => `${each.length} ${format.toUpperCase()}`);
  const perPng = SIZES.map((size) => cpuOf(AVIF, size) / cpuOf(PNG, size));
  const perPlain = SIZES.map((size) => cpuOf(PNG, size) / cpuOf(PLAIN, size));
  const perMagick = [WEBP, AVIF, PNG].flatMap((name) =>
    COMPARED.map((size) => cpuOf(name, size) / cpuOf(MAGICK, size)),
  );
  return {
    title: 'Quality',
    about:
      `${counts.join(', ')}, each at ${SIZES.join(', ')} pixels. The reference is ImageMagick decoding every pixel and ` +
      'scaling with Lanczos, nothing else. Distance is 1 − multi-scale SSIM over the planes of Oklab, in thousandths; ' +
      'pictures with transparency are compared on black and on white, and the worse counts. Bytes and distances are ' +
      'medians, CPU is a mean: for sharp in this process tree without HTTP, for ipx and nginx with it.',
    tables: [
      tableOf('median bytes', names, (name, size) =>
        number(median(values(results, name, size, ({ bytes }) => bytes))),
      ),
      tableOf('CPU ms', names, (name, size) => number(cpuOf(name, size))),
      tableOf('median distance, ‰', names, (name, size) =>
        thousandths(
          values(results, name, size, ({ distance }) => distance),
          0.5,
        ),
      ),
      tableOf('distance, ‰: nine of ten are nearer', names, (name, size) =>
        thousandths(
          values(results, name, size, ({ distance }) => distance),
          0.9,
        ),
      ),
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
        values: [Math.max(...perMagick)],
        atMost: 0.5,
      },
      { what: 'CPU of AVIF ÷ PNG, worst size', values: [Math.max(...perPng)], atMost: 3 },
      { what: `CPU of PNG ÷ ${PLAIN}, worst size`, values: [Math.max(...perPlain)], atMost: 1.5 },
    ],
    notes: [
      'PNG: no colour is off by more than one level of 255 in any channel, on whatever it is shown. That is what "no visible difference" means here.',
      'Not counted for ImageMagick: the passes of jpegoptim, oxipng and a lossy pngquant that Discourse makes afterwards.',
      "Nothing is sharpened here; Discourse's unsharp mask is part of its distance from the reference.",
    ],
    plots: [
      {
        file: 'quality.svg',
        alt: 'Bytes by size, as shares of what Discourse’s ImageMagick makes',
        svg: linePlot(
          'Median bytes ÷ ImageMagick as Discourse calls it, format kept',
          { x: 'pixels', y: '' },
          [PNG, JPEG, WEBP, AVIF].map((name) => ({
            label: name.replace('avatar-proxy, ', ''),
            points: SIZES.map(
              (size) => [size, median(shares(results, name, MAGICK, [size]))] as const,
            ),
          })),
        ),
      },
    ],
  };
}

function bytesTarget(
  results: readonly Result[],
  name: string,
  other: string,
  atMost: number,
): Report['targets'][number] {
  const what = `bytes: ${name} ÷ ${other}, median of 48–288`;
  return { what, values: [median(shares(results, name, other, COMPARED))], atMost };
}

function distanceTarget(
  results: readonly Result[],
  name: string,
  other: string,
): Report['targets'][number] {
  const distances = shares(results, name, other, COMPARED, ({ distance }) =>
    distance === undefined ? undefined : distance + INVISIBLE,
  );
  const what = `distance: ${name} ÷ ${other}, median of 48–288`;
  return { what, values: [median(distances)], atMost: 1 };
}

/** Picture by picture. */
function shares(
  results: readonly Result[],
  name: string,
  other: string,
  sizes: readonly number[],
  read: (made: Made) => number | undefined = ({ bytes }) => bytes,
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

function values(
  results: readonly Result[],
  name: string,
  size: number,
  read: (made: Made) => number | undefined,
): number[] {
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

if (import.meta.main) {
  const found = await runBench(quality, isQuick());
  if (isQuick()) {
    process.stdout.write(`${renderReport({ ...found, plots: [] })}\n`);
  } else {
    const [plot] = found.plots;
    if (plot !== undefined) writeFileSync(join(DOCS, plot.file), plot.svg);
    const text = `# Quality\n\nWritten by \`npm run bench:quality\`.\n\n${describeMachine()}\n\n${renderReport(found)}\n`;
    writeFileSync(join(DOCS, 'quality.md'), text.replace('\n## Quality\n\n', '\n'));
    process.stderr.write('docs/quality.md is written\n');
  }
}
