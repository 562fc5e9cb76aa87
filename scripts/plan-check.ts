/**
 * Holds the planner against the truth: `npm run plan:check`. The requests of a small simulation are sent
 * to the real service, with NGINX's cache as the CDN and a real S3 server behind it, and what the two count
 * is compared, and written into docs/capacity.md. Ends with 1 when they differ by more than a fifth.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { treeCpuSeconds } from '../bench/support/cpu.ts';
import { seededRandom } from '../bench/support/pictures.ts';
import { Workshop } from '../bench/support/workshop.ts';
import { measure, mixedPictures, s3Variables } from '../plan/measure.ts';
import { cpuSeconds } from '../plan/plan.ts';
import { DEFAULTS, type Scenario } from '../plan/scenario.ts';
import { simulate } from '../plan/simulate.ts';
import { type ServiceTimes, variantBytesOf } from '../plan/times.ts';
import { startFleet } from '../test/support/fleet.ts';
import { ask, cacheStatus } from '../test/support/nginx.ts';
import { startS3, type TestS3 } from '../test/support/s3-server.ts';
import { withSection } from './sections.ts';

const SIZES = [24, 48, 96, 144];
const AVATARS = 400;
const REQUESTS = 9000;
const INSTANCES = 1;
/** NGINX's least. What fits is counted during the run: when it is full an eighth is thrown out at once. */
const KEY_MEMORY = '64k';
const COUNTED_EVERY = 100;
/** More than NGINX holds, and less than there are variants: each of the caches has its share of hits. */
const MEMORY_MB = 10;
const CONCURRENCY = 4;
/** How much faster than the simulation’s hour: 90 requests a second. */
const SPEED = 36;
const TOLERANCE = 0.2;
const DOCUMENT = join(import.meta.dirname, '..', 'docs', 'capacity.md');

type Request = { readonly avatar: number; readonly upload: number; readonly size: number };
type Counts = Readonly<Record<string, number>>;

const s3 = await startS3();
try {
  const times = await measure(s3, SIZES, 'png', new Date().toISOString().slice(0, 10));
  // What is asked for does not depend on the caches.
  const requests: Request[] = [];
  predict(times, 1, (avatar, upload, size) => requests.push({ avatar, upload, size }));
  const { counts: measured, entries } = await play(s3, requests);
  const expected = predict(times, entries);
  process.exitCode = (await compare(expected, measured, times)) ? 0 : 1;
} finally {
  await s3.stop();
}

function predict(
  times: ServiceTimes,
  entries: number,
  onRequest?: (avatar: number, upload: number, size: number) => void,
): Counts {
  const scenario: Scenario = {
    ...DEFAULTS,
    users: AVATARS,
    // One hour of it is so many requests.
    dailyActive: REQUESTS * 24,
    pageViews: 1,
    avatarsPerPage: 1,
    browserHits: 0,
    churn: 0,
    swing: 0,
    sizes: SIZES.map((size) => ({
      size,
      share: 1 / SIZES.length,
      bytes: variantBytesOf(times, size),
    })),
    originalBytes: times.originalBytes,
    edges: { places: 1, bytes: 0, entries, ttlSeconds: Infinity },
    regional: { places: 0, bytes: 0, ttlSeconds: 0 },
    instances: { ...DEFAULTS.instances, count: INSTANCES, memoryBytes: MEMORY_MB * 2 ** 20 },
    bucketFirst: false,
  };
  const { hours } = simulate(scenario, {
    sample: AVATARS,
    warmUpHours: 0,
    hours: 1,
    runningForDays: 0,
    random: seededRandom(11),
    // The real run takes less than the hour.
    originalsForSeconds: 15 * SPEED,
    ...(onRequest !== undefined && { onRequest }),
  });
  const [hour] = hours;
  if (hour === undefined) throw new Error('an hour without counts');
  return {
    'requests at the service': hour.arrivals,
    'hits in memory': hour.memoryHits,
    'shared variants': hour.sharedHits,
    renders: hour.renders.reduce((sum, count) => sum + count, 0),
    'S3 reads': hour.variantReads + hour.originalReads,
    'CPU seconds': cpuSeconds(hour, scenario, times),
  };
}

async function play(
  s3: TestS3,
  requests: readonly Request[],
): Promise<{ counts: Counts; entries: number }> {
  await using workshop = new Workshop();
  const pictures = await mixedPictures(workshop.folder);
  const originals = await s3.createBucket('originals');
  for (let user = 0; user < AVATARS; user += 1) {
    const picture = pictures[user % pictures.length];
    if (picture !== undefined) await s3.put(originals, `h/u${user}/1`, picture);
  }
  const fleet = await startFleet({
    instances: INSTANCES,
    caches: true,
    keyMemory: KEY_MEMORY,
    variables: {
      ...s3Variables(s3, originals, await s3.createBucket('variants')),
      AVATAR_MEMORY_MB: String(MEMORY_MB),
      LOG_LEVEL: 'info',
    },
  });
  try {
    const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
    const counts = { arrivals: 0, memory: 0, shared: 0, rendered: 0 };
    const cached: number[] = [];
    const waiting = requests.values();
    const cpu = (): number => fleet.pids().reduce((sum, pid) => sum + treeCpuSeconds(pid), 0);
    // Loaded and warm, as the service times were taken.
    for (const size of SIZES) await ask(fleet.port, `/user_avatar/h/u0/${size}/1.webp`);
    const [cpuBefore, readsBefore] = [cpu(), s3.requests()];
    const beganAt = performance.now();
    let sent = 0;
    const askInTurn = async (): Promise<void> => {
      for (const { avatar, upload, size } of waiting) {
        // No faster than the simulation takes it to be.
        sent += 1;
        const dueAt = beganAt + (sent * 3_600_000) / SPEED / requests.length;
        await sleep(Math.max(0, dueAt - performance.now()));
        const path = `/user_avatar/h/u${avatar}/${SIZES[size]}/${upload + 1}.png`;
        if (sent % COUNTED_EVERY === 0) cached.push(await fleet.cached());
        const reply = await ask(fleet.port, path, { agent });
        if (reply.status !== 200) throw new Error(`${path} was answered ${reply.status}`);
        if (cacheStatus(reply) === 'HIT') continue;
        counts.arrivals += 1;
        const how = String(reply.headers['cache-status']);
        if (how.includes('detail=shared')) counts.shared += 1;
        else if (how.includes('; hit')) counts.memory += 1;
        else counts.rendered += 1;
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, askInTurn));
    agent.destroy();
    await sleep(1000);
    const most = Math.max(...cached);
    const whenFull = cached.slice(cached.findIndex((count) => count > 0.95 * most));
    return {
      entries: Math.round(whenFull.reduce((sum, count) => sum + count, 0) / whenFull.length),
      counts: {
        'requests at the service': counts.arrivals,
        'hits in memory': counts.memory,
        'shared variants': counts.shared,
        renders: counts.rendered,
        'S3 reads': s3.requests() - readsBefore,
        'CPU seconds': cpu() - cpuBefore,
      },
    };
  } finally {
    await fleet.stop();
  }
}

/** @returns whether all are close enough */
async function compare(
  expected: Counts,
  measured: Counts,
  { machine, date }: ServiceTimes,
): Promise<boolean> {
  const lines = Object.entries(expected).map(([name, plan]) => {
    const real = measured[name] ?? NaN;
    return { name, plan, real, ratio: plan / real };
  });
  const table = [
    `${REQUESTS.toLocaleString('en-US')} requests for ${AVATARS} avatars; ${machine}, ${date}:`,
    '',
    '|  | plan | real | ratio |',
    '| --- | ---: | ---: | ---: |',
    ...lines.map(({ name, plan, real, ratio }) => {
      const digits = name === 'CPU seconds' ? 1 : 0;
      return `| ${name} | ${plan.toFixed(digits)} | ${real.toFixed(digits)} | ${ratio.toFixed(2)} |`;
    }),
  ].join('\n');
  process.stdout.write(`${table}\n`);
  await writeFile(DOCUMENT, withSection(await readFile(DOCUMENT, 'utf8'), 'check', table));
  return lines.every(({ ratio }) => Math.abs(ratio - 1) <= TOLERANCE);
}
