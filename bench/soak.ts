/**
 * `npm run soak -- --minutes N`: the service at 80 % of what it can do, before an S3 server that breaks
 * in one way after the other. Every answer is held against what it must be; memory, descriptors and
 * timers are watched. Fails when anything of that is not as it should be.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { OUTAGES, runOutages } from '../test/support/fault-schedule.ts';
import { startS3 } from '../test/support/s3-server.ts';
import { Catalogue } from './soak/catalogue.ts';
import type { Probed } from './soak/probe.ts';
import { HEALED_WITHIN_MS, Traffic, unexplained, type Window } from './soak/traffic.ts';
import { type Sample, slope, takeSample } from './soak/watch.ts';
import { BENCH_FOLDER } from './support/bench.ts';
import { describeMachine } from './support/machine.ts';
import { drawPictures, seededRandom } from './support/pictures.ts';
import { linePlot } from './support/plot.ts';
import { startService } from './support/service.ts';
import { quantile } from './support/statistics.ts';
import { number, renderReport, type Report, type Target, verdict } from './support/table.ts';
import { whileWatching } from './support/watch.ts';
import { Workshop } from './support/workshop.ts';

const SHARE_OF_CAPACITY = 0.8;
const CAPACITY_SECONDS = 8;
/** The generator checks every byte, beside the service: what it can do is bounded as well. */
const MOST_PER_SECOND = 1500;
const CACHE_MB = 16;
const FAULT_MS = 4000;
/** After it has healed; what fails by then has no excuse left. */
const CALM_MS = 8000;
const SAMPLE_EVERY_MS = 2000;
/** Renderers fill up, caches too, compilers and heaps settle. */
const WARM_UP_SHARE = 0.25;
/** Less tells nothing about a slope: a renderer's growth alone is tens of megabytes. */
const SLOPE_MINUTES = 10;

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '20' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error('--minutes N');
const report = await soak(minutes);
for (const { file, svg } of report.plots) writeFileSync(join(BENCH_FOLDER, file), svg);
const text = `${describeMachine()}\n\n${renderReport(report)}\n`;
writeFileSync(join(BENCH_FOLDER, 'SOAK.md'), `# A soak\n\n${text}`);
process.stdout.write(text);
process.exit(report.targets.every(isReached) ? 0 : 1);

function isReached(target: Target): boolean {
  return target.values.length === 0 || verdict(target).startsWith('PASS');
}

async function soak(minutes: number): Promise<Report> {
  await using workshop = new Workshop();
  const s3 = await startS3();
  try {
    return await soakBefore(s3, workshop, minutes);
  } finally {
    await s3.stop();
  }
}

async function soakBefore(
  s3: Awaited<ReturnType<typeof startS3>>,
  workshop: Workshop,
  minutes: number,
): Promise<Report> {
  const say = (progress: string): void => void process.stderr.write(`  ${progress}\n`);
  const catalogue = await Catalogue.make(await drawPictures(join(workshop.folder, 'pictures')));
  const bucket = await s3.createBucket('soak');
  await catalogue.store(s3, bucket);
  const service = await startService(workshop, {
    preload: join(import.meta.dirname, 'soak', 'probe.ts'),
    env: {
      AVATAR_ORIGINALS: `s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}`,
      AVATAR_MEMORY_MB: String(CACHE_MB),
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      LOG_LEVEL: 'error',
    },
  });
  const probes: Probed[] = [];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  service.child.on('message', (message) => probes.push(message as Probed));
  const traffic = new Traffic(service.url, catalogue, seededRandom(1));
  await traffic.saturate(8, CAPACITY_SECONDS / 2);
  const capacity = await traffic.saturate(16, CAPACITY_SECONDS);
  const rate = Math.min(MOST_PER_SECOND, capacity * SHARE_OF_CAPACITY);
  say(
    `S3 is ${s3.kind}; capacity ${number(capacity)} a second, so ${number(rate)} for ${minutes} min`,
  );

  const startedAt = performance.now();
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), minutes * 60_000);
  const faults: Window[] = [];
  const healing: { what: string; ms: number }[] = [];
  const breakAndHeal = async (): Promise<void> => {
    let from = 0;
    while (!over.signal.aborted) {
      await runOutages({ s3: s3.proxy }, OUTAGES, {
        lastsMs: FAULT_MS,
        signal: over.signal,
        beforeEach: ({ what }) => {
          from = performance.now();
          say(what);
        },
        afterEach: async ({ what }) => {
          const to = performance.now();
          faults.push({ from, to });
          while (!(await traffic.isHealed()) && performance.now() - to < 6 * HEALED_WITHIN_MS) {
            await sleep(100);
          }
          healing.push({ what, ms: performance.now() - to });
          await sleep(CALM_MS, undefined, { signal: over.signal }).catch(() => undefined);
        },
      });
    }
  };
  const { seen: samples } = await whileWatching(
    () => takeSample(service, startedAt, probes.at(-1)),
    SAMPLE_EVERY_MS,
    () => Promise.all([traffic.flow(rate, over.signal), breakAndHeal()]),
  );
  clearTimeout(timer);
  const isAlive = service.child.exitCode === null;
  traffic.close();
  await service.stop();
  for (const each of [...traffic.wrong, ...traffic.unanswered].slice(0, 20)) say(each);
  const strange = unexplained(traffic.troubles, faults);
  for (const { path, what } of strange.slice(0, 20)) say(`without a fault: ${path} ${what}`);
  return describe({ traffic, samples, healing, strange: strange.length, isAlive, rate, capacity });
}

type Outcome = {
  readonly traffic: Traffic;
  readonly samples: readonly Sample[];
  readonly healing: ReadonlyArray<{ readonly what: string; readonly ms: number }>;
  readonly strange: number;
  readonly isAlive: boolean;
  readonly rate: number;
  readonly capacity: number;
};

function describe(outcome: Outcome): Report {
  const { traffic, samples, healing, strange, isAlive, rate, capacity } = outcome;
  const warm = samples.filter(({ at }) => at >= (samples.at(-1)?.at ?? 0) * WARM_UP_SHARE);
  const judged = (warm.at(-1)?.at ?? 0) - (warm[0]?.at ?? 0);
  const memory = slope(warm.map((each) => [each.at, each.httpMegabytes + each.rendererMegabytes]));
  const lengths = new Map<string, number[]>();
  for (const { what, ms } of healing) lengths.set(what, [...(lengths.get(what) ?? []), ms]);
  const line = (label: string, read: (sample: Sample) => number | undefined) => ({
    label,
    points: samples.flatMap((sample): [number, number][] => {
      const value = read(sample);
      return value === undefined ? [] : [[sample.at, value]];
    }),
  });
  const row = (what: string, read: (sample: Sample) => number | undefined): string[] => {
    const values = warm.map(read).filter((value) => value !== undefined);
    if (values.length === 0) return [what, '–', '–', '–', '–'];
    const shares = [0, 0.5, 1].map((share) => number(quantile(values, share)));
    const change = slope(warm.map((each) => [each.at, read(each) ?? 0]));
    return [what, ...shares, change === undefined ? '–' : change.toFixed(2)];
  };
  return {
    title: 'Under load, with faults',
    about:
      `${number(traffic.requests)} requests at ${number(rate)} a second (80 % of ${number(capacity)}, measured before, ` +
      `at most ${MOST_PER_SECOND}); ${healing.length} faults of S3, ${FAULT_MS / 1000} s each, one after the other; ` +
      `${number(traffic.troubles.length)} answers told of them, ${number(traffic.overloaded)} of too much to do. ` +
      `Figures are of the last three quarters of ${number(samples.at(-1)?.at ?? 0)} minutes.`,
    tables: [
      {
        head: ['', 'least', 'median', 'most', 'change a minute'],
        rows: [
          row('memory of the HTTP process, MB', (each) => each.httpMegabytes),
          row('memory of the renderers, MB', (each) => each.rendererMegabytes),
          row('cached variants, MB', (each) => each.cacheMegabytes),
          row('descriptors', (each) => each.descriptors),
          row('sockets', (each) => each.sockets),
          row('timers', (each) => each.probed?.timers),
          row('other resources', (each) => each.probed?.resources),
          row('event loop, worst delay in a second, ms', (each) => each.probed?.loopMs),
          row('renders waiting', (each) => each.waiting),
        ],
      },
      {
        head: ['asked for', 'times'],
        rows: [...traffic.counts].map(([what, times]) => [what, number(times)]),
      },
      {
        head: ['fault', 'times', 'longest until healed, ms'],
        rows: [...lengths].map(([what, times]) => [
          what,
          String(times.length),
          number(Math.max(...times)),
        ]),
      },
    ],
    targets: [
      { what: 'wrong answers, among them wrong bytes', values: [traffic.wrong.length], atMost: 0 },
      { what: 'requests not answered', values: [traffic.unanswered.length], atMost: 0 },
      { what: 'failures that no fault explains', values: [strange], atMost: 0 },
      {
        what: 'longest until a fault was healed',
        values: healing.length === 0 ? [] : [Math.max(...healing.map(({ ms }) => ms))],
        atMost: HEALED_WITHIN_MS,
        unit: 'ms',
      },
      {
        what: `memory of all processes, change a minute (judged from ${SLOPE_MINUTES} minutes on)`,
        values: memory === undefined || judged < SLOPE_MINUTES ? [] : [memory],
        atMost: 1,
        unit: 'MB',
      },
      {
        what: 'cached variants, most',
        values: [Math.max(...samples.map(({ cacheMegabytes }) => cacheMegabytes))],
        atMost: (CACHE_MB * 1024 * 1024) / 1e6,
        unit: 'MB',
      },
      { what: 'ends of the HTTP process', values: [isAlive ? 0 : 1], atMost: 0 },
    ],
    notes: [
      'Every 200 is compared with bytes rendered beforehand, without the service.',
      'The slope is the median of those between all pairs of samples.',
    ],
    plots: [
      {
        file: 'soak.svg',
        alt: 'Memory, sockets and queue over time',
        svg: linePlot('Under load, with faults', { x: 'minutes', y: '' }, [
          line('renderers, MB', (each) => each.rendererMegabytes),
          line('HTTP process, MB', (each) => each.httpMegabytes),
          line('cache, MB', (each) => each.cacheMegabytes),
          line('sockets', (each) => each.sockets),
          line('loop delay, ms', (each) => each.probed?.loopMs),
        ]),
      },
    ],
  };
}
