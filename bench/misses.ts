/** Misses over HTTP, all different, beside sharp alone, ipx, nginx's image_filter and ImageMagick. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Format } from '../src/vocabulary/formats.ts';
import { type BenchContext, runAlone } from './support/bench.ts';
import { endedChildrenCpuSeconds } from './support/cpu.ts';
import { findImageMagick } from './support/machine.ts';
import { discourseArguments } from './support/magick.ts';
import {
  askForAll,
  avatarPath,
  type Done,
  listMisses,
  type Miss,
  startSharpLoop,
} from './support/misses.ts';
import { nginxModule, type Peer, startIpx, startNginx, startPlain } from './support/peers.ts';
import { drawPictures, giveToUsers, type Picture, SIZES } from './support/pictures.ts';
import { barPlot } from './support/plot.ts';
import { startFilledS3 } from './support/s3.ts';
import { startService } from './support/service.ts';
import { median, ratios } from './support/statistics.ts';
import { type Report, type Target, withSpread } from './support/table.ts';
import type { Workshop } from './support/workshop.ts';

/** More than cores, so that none is idle while a reply is under way. */
const AT_ONCE = 8;
const run = promisify(execFile);

export async function misses({ quick, workshop, say }: BenchContext): Promise<Report> {
  const [warmUp, rounds, perRound, withS3] = quick ? [1, 3, 30, false] : [3, 7, 240, true];
  const pictures = await drawPictures(join(workshop.folder, 'pictures'));
  const toPng = listMisses((warmUp + rounds) * perRound, pictures, () => 'png');
  // image_filter keeps the format, and of an animation all frames: without those, then.
  const still = pictures.filter(({ extension }) => extension !== 'gif');
  const kept = listMisses(toPng.length, still, ({ extension }) => extensionFormat(extension));

  const png = await startWith(workshop, toPng, 'png');
  const same = await startWith(workshop, kept, 'kept');
  const plain = await startPlain(workshop, { folder: join(workshop.folder, 'originals-png') });
  const loop = startSharpLoop(
    workshop,
    toPng.map(({ picture, size, format }) => ({ file: picture.file, size, format })),
  );
  const ipx = await startIpx(workshop, join(workshop.folder, 'pictures'));
  const imageFilter = await startImageFilter(workshop, join(workshop.folder, 'pictures'));
  const magick = findImageMagick();
  const s3 = withS3 ? await startFilledS3(workshop, inS3(perRound, 0, pictures)) : undefined;

  const plainS3 = s3 === undefined ? undefined : await startPlain(workshop, s3);

  const best = await bestConcurrency((atOnce) => loop.run(atOnce, 0, perRound));
  say(`sharp alone is fastest with ${best} at once; ${warmUp} + ${rounds} rounds of ${perRound}`);

  const results = new Map<string, Done[]>();
  const contest = async (name: string, piece: () => Promise<Done>): Promise<void> => {
    results.set(name, [...(results.get(name) ?? []), await piece()]);
  };
  const ask = (peer: Peer, work: readonly Miss[], path: (miss: Miss) => string): Promise<Done> =>
    askForAll(
      workshop,
      work.map((miss) => `${peer.url}${path(miss)}`),
      { pid: peer.pid, atOnce: AT_ONCE },
    );
  for (let round = 0; round < warmUp + rounds; round += 1) {
    // Compilers have warmed up: after 700 misses a process takes two thirds of what the first ones took.
    if (round === warmUp) results.clear();
    const [from, to] = [round * perRound, (round + 1) * perRound];
    const [pngs, keeps] = [toPng.slice(from, to), kept.slice(from, to)];
    await contest('avatar-proxy', () => ask(png, pngs, avatarPath));
    await contest('plain server', () => ask(plain, pngs, avatarPath));
    await contest('sharp alone', () => loop.run(best, from, to));
    if (s3 !== undefined && plainS3 !== undefined) {
      const fromS3 = inS3(perRound, round, pictures);
      await contest('avatar-proxy, from S3', () => ask(s3.service, fromS3, avatarPath));
      await contest('plain server, from S3', () => ask(plainS3, fromS3, avatarPath));
    }
    if (ipx !== undefined) await contest('ipx', () => ask(ipx, pngs, ipxPath));
    await contest('avatar-proxy, format kept', () => ask(same, keeps, avatarPath));
    if (imageFilter !== undefined) {
      await contest('nginx image_filter', () => ask(imageFilter, keeps, imageFilterPath));
    }
    if (magick !== undefined) {
      const sample = pngs.slice(0, quick ? 6 : 48);
      await contest("Discourse's ImageMagick", () => callMagick(magick, sample, workshop.folder));
    }
    say(`round ${round + 1} of ${warmUp + rounds}`);
  }
  const magickShare =
    magick === undefined
      ? []
      : await compareWithMagick(workshop, png, magick, quick ? pictures.slice(0, 4) : pictures);
  const s3Kind = s3?.connection.kind;
  await s3?.stop();

  const rate = (name: string): number[] => (results.get(name) ?? []).map((done) => done.perSecond);
  const ours = rate('avatar-proxy');
  const oursKept = rate('avatar-proxy, format kept');
  return {
    title: 'Misses',
    about:
      `Six originals (400 px JPEG, 512 px PNG with alpha, 900 px WebP, animated GIF, JPEGs of 6 and 12 megapixels) ` +
      `in 20 sizes of 24–360 px as PNG, each miss of another user and nothing asked for twice; ${AT_ONCE} at once, ` +
      `all cores; ${rounds} interleaved rounds of ${perRound}, after ${warmUp} that are not counted. sharp alone: the same transform in a loop in one process, ` +
      `originals in memory, ${best} at once (its best). The plain server is node:http around that transform, in one process, ` +
      `without anything that protects, keeps or tells: what it is short of sharp alone is the price of a server on these cores. CPU is that of all processes of a server.`,
    tables: [
      {
        head: ['who', 'per second', 'CPU ms each', '÷ sharp alone', '÷ plain server'],
        rows: [...results].map(([name, done]) => [
          name,
          withSpread(rate(name)),
          withSpread(done.map((each) => each.cpuMsEach)),
          ...(name.includes('kept') || name.includes('nginx')
            ? ['(other formats)', '']
            : [
                withSpread(ratios(rate(name), rate('sharp alone'))),
                withSpread(ratios(rate(name), rate(plainPeer(name)))),
              ]),
        ]),
      },
    ],
    targets: [
      target('sharp alone', ratios(ours, rate('sharp alone')), 0.95),
      target(
        'sharp alone, originals in S3',
        ratios(rate('avatar-proxy, from S3'), rate('sharp alone')),
        0.85,
      ),
      target('nginx image_filter, same format', ratios(oursKept, rate('nginx image_filter')), 2.8),
      target('ipx, same format and size', ratios(ours, rate('ipx')), 1.15),
      {
        what: "CPU ÷ Discourse's ImageMagick call, median over pictures and sizes",
        values: magickShare,
        atMost: 0.35,
      },
    ],
    notes: [
      ...(s3Kind === undefined
        ? ['S3 is measured in a full run only.']
        : [
            `The S3 server (${s3Kind}) shares the cores with the service: its own work counts against us.`,
          ]),
      ...(ipx === undefined ? ['ipx is not installed and was left out.'] : []),
      ...(imageFilter === undefined
        ? ["nginx's image_filter is not installed and was left out."]
        : []),
      ...(magick === undefined
        ? ['ImageMagick is not installed and was left out.']
        : [
            "Discourse's later passes (jpegoptim, oxipng, pngquant) are not counted for ImageMagick; it renders one at a time.",
          ]),
    ],
    plots: [
      {
        file: 'misses.svg',
        alt: 'CPU milliseconds for each miss',
        svg: barPlot(
          'CPU milliseconds for each miss',
          [...results].map(([label, done]) => ({
            label,
            value: median(done.map((each) => each.cpuMsEach)),
          })),
        ),
      },
    ],
  };
}

function plainPeer(name: string): string {
  return name.includes('S3') ? 'plain server, from S3' : 'plain server';
}

function target(what: string, values: number[], atLeast: number): Target {
  return { what: `misses per second ÷ ${what}`, values, atLeast };
}

/** The same objects in each round, in other sizes: too many for any memory of them to help. */
function inS3(count: number, round: number, pictures: readonly Picture[]): Miss[] {
  return listMisses(count, pictures, () => 'png').map((miss) => {
    const size = SIZES[(SIZES.indexOf(miss.size) + round) % SIZES.length];
    return { ...miss, size: size ?? miss.size };
  });
}

async function startWith(workshop: Workshop, work: readonly Miss[], name: string): Promise<Peer> {
  const folder = join(workshop.folder, `originals-${name}`);
  await giveToUsers(folder, work);
  return await startService(workshop, { env: { AVATAR_ORIGINALS: `file:${folder}` } });
}

function extensionFormat(extension: Picture['extension']): Format {
  return extension === 'gif' ? 'png' : extension;
}

async function bestConcurrency(measure: (atOnce: number) => Promise<Done>): Promise<number> {
  await measure(2);
  let best = { atOnce: 1, perSecond: 0 };
  for (const atOnce of [1, 2, 3, 4]) {
    const { perSecond } = await measure(atOnce);
    if (perSecond > best.perSecond) best = { atOnce, perSecond };
  }
  return best.atOnce;
}

function ipxPath({ size, picture }: Miss): string {
  return `/s_${size}x${size},f_png/${picture.name}.${picture.extension}`;
}

function imageFilterPath({ size, picture }: Miss): string {
  return `/crop/${size}/${picture.name}.${picture.extension}`;
}

async function startImageFilter(workshop: Workshop, folder: string): Promise<Peer | undefined> {
  const module = nginxModule('ngx_http_image_filter_module.so', existsSync);
  if (module === undefined) return undefined;
  return await startNginx(workshop, {
    workers: 2,
    modules: [module],
    server: `location ~ ^/crop/(?<size>[0-9]+)/(?<name>.+)$ {
      alias ${folder}/$name;
      image_filter crop $size $size;
      image_filter_buffer 50M;
      image_filter_jpeg_quality 82;
    }`,
  });
}

async function callMagick(magick: string, work: readonly Miss[], folder: string): Promise<Done> {
  const before = endedChildrenCpuSeconds();
  const startedAt = performance.now();
  for (const { picture, size } of work) {
    const out = join(folder, 'magick.png');
    await run(magick, discourseArguments(picture.file, out, size, 90));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = endedChildrenCpuSeconds() - before;
  return { perSecond: work.length / seconds, cpuMsEach: (cpu * 1000) / work.length };
}

const COMPARED_SIZES = [48, 96, 240, 360];
/** The kernel counts in hundredths of a second: enough of each for that not to matter. */
const REPEATS = 5;

/** @returns our CPU as a share of ImageMagick's, for each picture and size */
async function compareWithMagick(
  workshop: Workshop,
  { url, pid }: Peer,
  magick: string,
  pictures: readonly Picture[],
): Promise<number[]> {
  const shares: number[] = [];
  for (const picture of pictures) {
    for (const size of COMPARED_SIZES) {
      const work = Array.from({ length: REPEATS }, (_, index): Miss => {
        return { user: `${picture.name}-${size}-${index}`, picture, size, format: 'png' };
      });
      await giveToUsers(join(workshop.folder, 'originals-png'), work);
      const urls = work.map((miss) => `${url}${avatarPath(miss)}`);
      const ours = await askForAll(workshop, urls, { pid, atOnce: 2 });
      const theirs = await callMagick(magick, work, workshop.folder);
      shares.push(ours.cpuMsEach / theirs.cpuMsEach);
    }
  }
  return shares;
}

if (import.meta.main) await runAlone(misses);
