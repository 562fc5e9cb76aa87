/** What a soak has shown, and what it had to. Pure. */
import { linePlot } from '../support/plot.ts';
import { quantile } from '../support/statistics.ts';
import { number, type Report, type Table } from '../support/table.ts';
import { explains, FAULT_MS, HEALED_WITHIN_MS, type Past, unexplained } from './outages.ts';
import type { Traffic } from './traffic.ts';
import { type Sample, slope } from './watch.ts';

type Outcome = {
  readonly traffic: Traffic;
  readonly samples: readonly Sample[];
  readonly past: readonly Past[];
  /** HTTP processes that ended by themselves. */
  readonly ended: number;
  readonly rate: number;
  /** A sentence about where the rate is from. */
  readonly whyThatRate: string;
  /** What all caches together may hold. */
  readonly cacheMegabytes: number;
};

/** Renderers fill up, caches too, compilers and heaps settle. */
const WARM_UP_SHARE = 0.25;
/** Less tells nothing about a slope: a renderer's growth alone is tens of megabytes. */
const SLOPE_MINUTES = 10;

export function describe(outcome: Outcome): Report {
  const { traffic, samples, past, ended, rate, whyThatRate, cacheMegabytes } = outcome;
  const { troubles, overloaded } = traffic.client;
  const warm = samples.filter(({ at }) => at >= (samples.at(-1)?.at ?? 0) * WARM_UP_SHARE);
  const judged = (warm.at(-1)?.at ?? 0) - (warm[0]?.at ?? 0);
  const memory = slope(warm.map((each) => [each.at, each.httpMegabytes + each.rendererMegabytes]));
  const line = (label: string, read: (sample: Sample) => number) => ({
    label,
    points: samples.map((sample): [number, number] => [sample.at, read(sample)]),
  });
  return {
    title: 'Under load, with faults',
    about:
      `${number(traffic.requests)} requests at ${number(rate)} a second (${whyThatRate}), a quarter of them ` +
      `to a forum that finds originals by Discourse’s database; ${past.length} faults of S3 and of ` +
      `PostgreSQL, ${FAULT_MS / 1000} s each, one after the other; ` +
      `${number(troubles.length)} answers told of them, ${number(overloaded)} of too much to do. ` +
      `Figures are of both services in the last three quarters of ${number(samples.at(-1)?.at ?? 0)} minutes.`,
    tables: [
      held(warm),
      {
        head: ['asked for', 'times'],
        rows: [...traffic.counts].map(([what, times]) => [what, number(times)]),
      },
      outageTable(outcome),
    ],
    targets: [
      { what: 'wrong answers, among them wrong bytes', values: [traffic.wrong.length], atMost: 0 },
      { what: 'requests not answered', values: [traffic.unanswered.length], atMost: 0 },
      {
        what: 'failures that no fault explains',
        values: [unexplained(troubles, past).length],
        atMost: 0,
      },
      ...(['s3', 'database'] as const).map((of) => ({
        what: `longest until a fault of ${of === 's3' ? 'S3' : 'the database'} was healed`,
        values: longest(past.filter((outage) => outage.of === of)),
        atMost: HEALED_WITHIN_MS,
        unit: 'ms',
      })),
      {
        what: `memory of all processes, change a minute (judged from ${SLOPE_MINUTES} minutes on)`,
        values: memory === undefined || judged < SLOPE_MINUTES ? [] : [memory],
        atMost: 1,
        unit: 'MB',
      },
      {
        what: 'cached variants, most',
        values: [Math.max(...samples.map((each) => each.cacheMegabytes))],
        atMost: cacheMegabytes,
        unit: 'MB',
      },
      { what: 'ends of HTTP processes', values: [ended], atMost: 0 },
    ],
    notes: [
      'Every 200 is compared with bytes rendered beforehand, without the service.',
      'Every failure must be a documented one, of something that was broken at that time; and none may say ' +
        'that the database is not available of a user who had been found before.',
      'The slope is the median of those between all pairs of samples.',
    ],
    plots: [
      {
        file: 'soak.svg',
        alt: 'Memory, sockets and queue over time',
        svg: linePlot('Under load, with faults', { x: 'minutes', y: '' }, [
          line('renderers, MB', (each) => each.rendererMegabytes),
          line('HTTP processes, MB', (each) => each.httpMegabytes),
          line('caches, MB', (each) => each.cacheMegabytes),
          line('sockets', (each) => each.sockets),
          line('loop delay, ms', (each) => each.loopMs),
        ]),
      },
    ],
  };
}

function held(warm: readonly Sample[]): Table {
  const row = (what: string, read: (sample: Sample) => number): string[] => {
    const values = warm.map(read);
    const shares = [0, 0.5, 1].map((share) => number(quantile(values, share)));
    const change = slope(warm.map((each) => [each.at, read(each)]));
    return [what, ...shares, change === undefined ? '–' : change.toFixed(2)];
  };
  return {
    head: ['', 'least', 'median', 'most', 'change a minute'],
    rows: [
      row('memory of the HTTP processes, MB', (each) => each.httpMegabytes),
      row('memory of the renderers, MB', (each) => each.rendererMegabytes),
      row('cached variants, MB', (each) => each.cacheMegabytes),
      row('descriptors', (each) => each.descriptors),
      row('sockets', (each) => each.sockets),
      row('timers', (each) => each.timers),
      row('other resources', (each) => each.resources),
      row('event loop, worst delay in a second, ms', (each) => each.loopMs),
      row('renders waiting', (each) => each.waiting),
    ],
  };
}

/** Each outage that was, those of a kind in one row. */
function outageTable({ past, traffic }: Outcome): Table {
  return {
    head: ['fault', 'times', 'answers that told of it', 'ms until healed, each', 'longest'],
    rows: [...Map.groupBy(past, ({ what }) => what)].map(([what, outages]) => [
      what,
      String(outages.length),
      number(
        traffic.client.troubles.filter((trouble) =>
          outages.some((outage) => explains(outage, trouble)),
        ).length,
      ),
      outages.map(({ healedMs }) => number(healedMs)).join(', '),
      ...longest(outages).map(number),
    ]),
  };
}

function longest(outages: readonly Past[]): number[] {
  return outages.length === 0 ? [] : [Math.max(...outages.map(({ healedMs }) => healedMs))];
}
