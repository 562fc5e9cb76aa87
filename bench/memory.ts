/** Memory over thousands of varied misses: of the HTTP process and of each renderer. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchContext, runAlone } from './support/bench.ts';
import { residentMegabytes } from './support/cpu.ts';
import { askForAll, avatarPath, listMisses } from './support/misses.ts';
import { drawPictures, giveToUsers } from './support/pictures.ts';
import { type Line, linePlot } from './support/plot.ts';
import { startService } from './support/service.ts';
import { number, type Report } from './support/table.ts';

const SAMPLES = 20;
const SETTLE_MS = 1500;

export async function memory({ quick, workshop, say }: BenchContext): Promise<Report> {
  // A cache that is full before half of the misses are done: growth after that is no cache.
  const [count, cacheMegabytes] = quick ? [300, 4] : [5000, 24];
  const formats = ['png', 'jpg', 'webp', 'png'] as const;
  let turn = 0;
  const pictures = await drawPictures(join(workshop.folder, 'pictures'));
  const misses = listMisses(count, pictures, () => formats[turn++ % formats.length] ?? 'png');
  const folder = join(workshop.folder, 'originals');
  await giveToUsers(folder, misses);
  const service = await startService(workshop, {
    env: { AVATAR_ORIGINALS: `file:${folder}`, AVATAR_MEMORY_MB: String(cacheMegabytes) },
  });
  await sleep(SETTLE_MS);

  const http: [number, number][] = [[0, residentMegabytes(service.pid)]];
  const renderers: [number, number][] = [[0, largestRenderer(service.tree())]];
  for (let sample = 1; sample <= SAMPLES; sample += 1) {
    const [from, to] = [((sample - 1) * count) / SAMPLES, (sample * count) / SAMPLES];
    const urls = misses.slice(from, to).map((miss) => `${service.url}${avatarPath(miss)}`);
    await askForAll(workshop, urls, { pid: service.pid, atOnce: 8 });
    http.push([to, residentMegabytes(service.pid)]);
    renderers.push([to, largestRenderer(service.tree())]);
    if (sample % 5 === 0) say(`${to} of ${count} misses`);
  }
  const at = (index: number): number => http.at(index)?.[1] ?? Number.NaN;
  const [first, half, last] = [at(0), at(SAMPLES / 2), at(-1)];
  const limits = [cacheMegabytes * 1.048_576 + 40, 0.05, 150] as const;
  const lines: Line[] = [
    { label: 'HTTP process', points: http },
    { label: 'largest renderer', points: renderers },
  ];
  const largest = Math.max(...renderers.map(([, megabytes]) => megabytes));
  return {
    title: 'Memory',
    about:
      `Resident memory (MB of 10⁶ bytes) over ${number(count)} misses, all different, PNG, JPEG and WebP, eight at once, ` +
      `AVATAR_MEMORY_MB=${cacheMegabytes}; looked at ${SAMPLES} times.`,
    tables: [
      {
        head: ['process', 'at the start', 'half-way', 'at the end'],
        rows: lines.map(({ label, points }) => [
          label,
          ...[0, SAMPLES / 2, -1].map((index) => number(points.at(index)?.[1] ?? Number.NaN)),
        ]),
      },
    ],
    targets: [
      { what: 'growth of the HTTP process', values: [last - first], atMost: limits[0], unit: 'MB' },
      { what: 'its growth in the second half', values: [(last - half) / half], atMost: limits[1] },
      { what: 'largest renderer seen', values: [largest], atMost: limits[2], unit: 'MB' },
    ],
    notes: quick ? ['A quick run is too short for the second half to mean much.'] : [],
    plots: [
      {
        file: 'memory.svg',
        alt: 'Resident memory over misses',
        svg: linePlot('Resident memory', { x: 'misses', y: 'MB' }, lines),
      },
    ],
  };
}

/** All but the first are renderers; one that has just been replaced may be among them. */
function largestRenderer([, ...renderers]: readonly number[]): number {
  return Math.max(0, ...renderers.map(residentMegabytes));
}

if (import.meta.main) await runAlone(memory);
