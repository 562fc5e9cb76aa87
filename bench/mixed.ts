/** Hits while four times more misses arrive than can be rendered, and while AVIFs fill the renderers. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { whereGeneratorsRun } from './support/ahead.ts';
import { type BenchContext, runAlone } from './support/bench.ts';
import { residentMegabytesOf } from './support/cpu.ts';
import { hitsBesideSharp } from './support/busy-neighbour.ts';
import { closedLoop, openLoop, type Reply } from './support/load.ts';
import { avatarPath, listMisses, type Miss } from './support/misses.ts';
import { drawPictures, giveToUsers, type Picture, pictureNamed } from './support/pictures.ts';
import { linePlot } from './support/plot.ts';
import type { Probed } from './support/probe.ts';
import { ask, type Service, startService } from './support/service.ts';
import { median, quantile } from './support/statistics.ts';
import { number, type Report, type Table, type Target } from './support/table.ts';
import { whileWatching } from './support/watch.ts';
import type { Workshop } from './support/workshop.ts';

const HITS_PER_SECOND = 300;
const OVERLOAD = 4;
/** Short, so that the queue it admits is full early in the run and empty soon after. */
const DEADLINE_MS = 2000;
const SETTLE_MS = 5000;
const AVIFS = 32;
const MEMORY_LIMIT_MB = 1000;
/** The service takes 2 ms to tell its metrics, in which no hit is answered. */
const LOOK_EVERY_MS = 500;

export async function mixed(context: BenchContext): Promise<Report> {
  const { workshop } = context;
  const pictures = await drawPictures(join(workshop.folder, 'pictures'));
  const overload = await overloadService(context, pictures);
  const avif = await fillWithAvifs(workshop, pictureNamed(pictures, 'phone'));
  return {
    title: 'Hits and misses together',
    about:
      `${HITS_PER_SECOND} hits a second (open loop, timed from when each was due) while misses arrive at ${OVERLOAD} × capacity ` +
      `for ${overload.seconds} s, all different, with AVATAR_DEADLINE_MS=${DEADLINE_MS}; then ${AVIFS} misses as AVIF of 1000 px ` +
      'from 12 megapixels at once, with dns.lookup and fs.readFile timed inside the HTTP process.',
    tables: [overload.table, avif.table],
    targets: [...overload.targets, ...avif.targets],
    notes: [
      'Capacity is measured with the same hits going on and 16 misses at once. What a miss takes at the admitted depth is ' +
        'that depth (reads and renders, running and waiting, median over the run) divided by capacity.',
      'Bare node:http answers the same hits and does nothing else, beside as many of sharp’s renders at once as there ' +
        'are cores, with the priority of renderers: the least that hits suffer on cores that render.',
      whereGeneratorsRun(),
    ],
    plots: [
      {
        file: 'mixed.svg',
        alt: 'Memory and queue during overload',
        svg: linePlot('Under four times the capacity', { x: 'seconds', y: '' }, overload.lines),
      },
    ],
  };
}

/** A miss that is not refused has its place in the queue for renders before its original is read. */
const ADMITTED = [
  'avatar_reads_running',
  'avatar_reads_waiting',
  'avatar_renders_running',
  'avatar_renders_waiting',
] as const;

type Part = { readonly table: Table; readonly targets: Target[] };
type Seen = { readonly at: number; readonly depth: number; readonly megabytes: number };

async function overloadService(
  { quick, workshop, say }: BenchContext,
  pictures: readonly Picture[],
): Promise<Part & { seconds: number; lines: { label: string; points: [number, number][] }[] }> {
  const [seconds, calm] = quick ? [10, 3] : [60, 15];
  const folder = join(workshop.folder, 'originals');
  const env = { AVATAR_ORIGINALS: `file:${folder}`, AVATAR_DEADLINE_MS: `${DEADLINE_MS}` };
  const service = await startService(workshop, { env });
  let made = 0;
  const makeMisses = async (count: number): Promise<string[]> => {
    const misses = listMisses(made + count, pictures, () => 'png').slice(made);
    made += count;
    await giveToUsers(folder, misses);
    return misses.map((miss) => `${service.url}${avatarPath(miss)}`);
  };
  const hitUrls = await makeHits(service, folder, pictureNamed(pictures, 'avatar'));
  const hits = (forSeconds: number): Promise<Reply[]> =>
    openLoop(workshop, {
      urls: hitUrls,
      rate: HITS_PER_SECOND,
      seconds: forSeconds,
      repeats: true,
    });

  // Not counted: renderers come up, compilers warm up.
  await Promise.all([closedLoop(workshop, await makeMisses(40), 4), hits(1)]);
  const idleHits = await hits(calm);
  const idleMisses = await closedLoop(workshop, await makeMisses(24), 1);
  const forCapacity = await makeMisses(calm * 400);
  const [saturated] = await Promise.all([closedLoop(workshop, forCapacity, 16, calm), hits(calm)]);
  const capacity = goodput(saturated, calm);
  say(`capacity is ${number(capacity)} misses a second; ${OVERLOAD} times that for ${seconds} s`);

  const rate = Math.ceil(capacity * OVERLOAD);
  const urls = await makeMisses(rate * seconds);
  const startedAt = performance.now();
  const look = async (): Promise<Seen> => {
    const stages = await service.metrics(ADMITTED);
    const depth = stages.reduce((sum, each) => sum + each, 0);
    const at = (performance.now() - startedAt) / 1000;
    return { at, depth, megabytes: residentMegabytesOf(service.tree()) };
  };
  const { seen, result } = await whileWatching(look, LOOK_EVERY_MS, () =>
    Promise.all([openLoop(workshop, { urls, rate, seconds, repeats: false }), hits(seconds)]),
  );
  const [replies, busyHits] = result;
  await sleep(SETTLE_MS);
  const [laterHits, laterMisses] = await Promise.all([
    hits(calm),
    closedLoop(workshop, await makeMisses(24), 1),
  ]);
  const [sampleUrl = ''] = hitUrls;
  const sample = await ask(sampleUrl);
  await service.stop();
  const floor = await hitsBesideSharp(workshop, {
    pictures,
    sample,
    rate: HITS_PER_SECOND,
    seconds: calm,
  });

  const accepted = replies.filter(({ status }) => status === 200);
  const refused = replies.filter(({ status }) => status === 503);
  const others = replies.length - accepted.length - refused.length;
  const depth = median(seen.filter(({ at }) => at > 1 && at < seconds).map((each) => each.depth));
  const atDepthMs = (depth / capacity) * 1000;
  const peak = Math.max(...seen.map(({ megabytes }) => megabytes));
  const row = (what: string, all: readonly Reply[]): string[] => [
    what,
    number(all.length),
    ...[0.5, 0.99, 1].map((share) => (all.length === 0 ? '–' : number(p(all, share)))),
  ];
  const failed = [...idleHits, ...busyHits, ...laterHits].filter(({ status }) => status !== 200);
  return {
    seconds,
    table: {
      head: ['', 'count', 'p50 ms', 'p99 ms', 'longest ms'],
      rows: [
        row('hits, idle', idleHits),
        row(`hits, at ${OVERLOAD} × capacity`, busyHits),
        row('hits, 5 s after', laterHits),
        row('misses, idle, one by one', idleMisses),
        row('misses accepted', accepted),
        row('misses refused (503)', refused),
        row('misses, 5 s after', laterMisses),
        row('hits of bare node:http, idle', floor.idle),
        row('hits of bare node:http beside sharp alone', floor.busy),
        ['misses with another answer', number(others), '', '', ''],
      ],
    },
    targets: [
      {
        what: 'p99 of hits under overload ÷ idle',
        values: [p(busyHits, 0.99) / p(idleHits, 0.99)],
        atMost: 2,
      },
      { what: 'hits that failed', values: [failed.length], atMost: 0 },
      {
        what: `p99 of accepted misses ÷ the time at the admitted depth (${number(depth)} misses, ${number(atDepthMs)} ms)`,
        values: accepted.length === 0 ? [] : [p(accepted, 0.99) / atDepthMs],
        atMost: 2,
      },
      {
        what: `goodput ÷ capacity (${number(capacity)} a second)`,
        values: [goodput(replies, seconds) / capacity],
        atLeast: 0.9,
      },
      {
        what: 'p99 of refusals',
        values: refused.length === 0 ? [] : [p(refused, 0.99)],
        atMost: 20,
        unit: 'ms',
      },
      { what: 'answers neither 200 nor 503', values: [others], atMost: 0 },
      {
        what: 'memory of all processes, peak',
        values: [peak],
        atMost: MEMORY_LIMIT_MB,
        unit: 'MB',
      },
      {
        what: 'p99 of hits 5 s after ÷ idle',
        values: [p(laterHits, 0.99) / p(idleHits, 0.99)],
        atMost: 2,
      },
      {
        what: 'median miss 5 s after ÷ idle',
        values: [p(laterMisses, 0.5) / p(idleMisses, 0.5)],
        atMost: 1.5,
      },
    ],
    lines: [
      { label: 'memory, MB', points: seen.map(({ at, megabytes }) => [at, megabytes]) },
      { label: 'misses admitted', points: seen.map(({ at, depth }) => [at, depth]) },
    ],
  };
}

async function fillWithAvifs(workshop: Workshop, picture: Picture): Promise<Part> {
  const folder = join(workshop.folder, 'originals-avif');
  const misses = Array.from({ length: AVIFS }, (_, index): Miss => {
    return { user: `slow-${index}`, picture, size: 1000, format: 'avif' };
  });
  await giveToUsers(folder, misses);
  const service = await startService(workshop, {
    preload: join(import.meta.dirname, 'support', 'probe.ts'),
    // Long enough for all of them: none is refused.
    env: { AVATAR_ORIGINALS: `file:${folder}`, AVATAR_DEADLINE_MS: '120000' },
  });
  const probes: Probed[] = [];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  service.child.on('message', (message) => probes.push(message as Probed));
  await sleep(1000);
  const idle = probes.splice(0);
  const urls = misses.map((miss) => `${service.url}${avatarPath(miss)}`);
  const replies = await closedLoop(workshop, urls, AVIFS);
  const busy = probes.splice(0);
  await service.stop();
  const failed = replies.filter(({ status }) => status !== 200).length;
  const worst = (probed: readonly Probed[], of: keyof Probed): number =>
    Math.max(...probed.map((each) => each[of]));
  const row = (what: string, of: keyof Probed): string[] => [
    what,
    number(worst(idle, of)),
    number(median(busy.map((each) => each[of]))),
    number(worst(busy, of)),
  ];
  return {
    table: {
      head: [`in the HTTP process, ms`, 'idle, worst', `${AVIFS} AVIFs, median`, 'worst'],
      rows: [
        row('dns.lookup', 'dnsMs'),
        row('fs.readFile', 'fileMs'),
        row('timer lateness', 'loopMs'),
      ],
    },
    targets: [
      { what: 'dns.lookup, worst', values: [worst(busy, 'dnsMs')], atMost: 50, unit: 'ms' },
      { what: 'fs.readFile, worst', values: [worst(busy, 'fileMs')], atMost: 50, unit: 'ms' },
      { what: 'AVIFs that failed', values: [failed], atMost: 0 },
    ],
  };
}

/** Addresses of variants that are in memory. */
async function makeHits(service: Service, folder: string, picture: Picture): Promise<string[]> {
  const variants = [48, 96, 144].map((size) => ({
    user: 'regular',
    picture,
    size,
    format: 'jpg' as const,
  }));
  await giveToUsers(folder, variants.slice(0, 1));
  const urls = variants.map((variant) => `${service.url}${avatarPath(variant)}`);
  for (const url of urls) await ask(url);
  return urls;
}

/** Successes a second that came within the time. */
function goodput(replies: readonly Reply[], seconds: number): number {
  const inTime = ({ status, at, ms }: Reply): boolean =>
    status === 200 && at + ms <= seconds * 1000;
  return replies.filter(inTime).length / seconds;
}

function p(replies: readonly Reply[], share: number): number {
  return quantile(
    replies.map(({ ms }) => ms),
    share,
  );
}

if (import.meta.main) await runAlone(mixed);
