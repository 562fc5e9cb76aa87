/** One client asks for four times more than can be rendered, or for what takes long; another asks for a little. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { availableParallelism } from 'node:os';
import { whereGeneratorsRun } from './support/ahead.ts';
import { type BenchContext, runAlone } from './support/bench.ts';
import { closedLoop, openLoop, type Reply } from './support/load.ts';
import { avatarPath, listMisses } from './support/misses.ts';
import { drawHeavyPicture, drawPictures, giveToUsers, pictureNamed } from './support/pictures.ts';
import { ask, startService } from './support/service.ts';
import { quantile } from './support/statistics.ts';
import { number, type Report } from './support/table.ts';

const GREEDY = '127.0.0.2';
const MODEST = '127.0.0.3';
const OVERLOAD = 4;
const HITS_PER_SECOND = 200;
/** What the modest one asks for anew, as a share of capacity: well within the half that is its own. */
const MODEST_SHARE = 0.1;
/** Heavy pictures the greedy one asks for at a time: few requests, and more work than all others are. */
const HEAVY_AT_ONCE = 8;
const SETTLE_MS = 3000;

export async function flood({ quick, workshop, say }: BenchContext): Promise<Report> {
  const seconds = quick ? 10 : 30;
  const calm = quick ? 4 : 10;
  const folder = join(workshop.folder, 'originals');
  const drawn = join(workshop.folder, 'pictures');
  const pictures = await drawPictures(drawn);
  const heavy = [await drawHeavyPicture(drawn)];
  const service = await startService(workshop, { env: { AVATAR_ORIGINALS: `file:${folder}` } });
  let made = 0;
  const makeMisses = async (count: number, from = pictures): Promise<string[]> => {
    const misses = listMisses(made + count, from, () => 'png').slice(made);
    made += count;
    await giveToUsers(folder, misses);
    return misses.map((miss) => `${service.url}${avatarPath(miss)}`);
  };
  await giveToUsers(folder, [{ user: 'regular', picture: pictureNamed(pictures, 'avatar') }]);
  const hitUrl = `${service.url}${avatarPath({ user: 'regular', size: 96, format: 'jpg' })}`;
  await ask(hitUrl);
  const hits = (forSeconds: number): Promise<Reply[]> => {
    const plan = { urls: [hitUrl], rate: HITS_PER_SECOND, seconds: forSeconds, repeats: true };
    return openLoop(workshop, { ...plan, from: MODEST });
  };
  const modestMisses = async (rate: number, forSeconds: number): Promise<Reply[]> => {
    const urls = await makeMisses(Math.ceil(rate * forSeconds));
    const plan = { urls, rate, seconds: forSeconds, repeats: false };
    return openLoop(workshop, { ...plan, from: MODEST });
  };

  // Not counted: renderers come up, compilers warm up.
  await Promise.all([closedLoop(workshop, await makeMisses(40), 4), hits(1)]);
  const idleHits = await hits(calm);
  const saturating = await makeMisses(calm * 400);
  const saturated = await closedLoop(workshop, saturating, 16, calm, GREEDY);
  const capacity = saturated.filter(({ status }) => status === 200).length / calm;
  const rate = Math.max(1, capacity * MODEST_SHARE);
  say(`capacity is ${number(capacity)} misses a second`);

  // What is fair: beside one who takes every renderer, but asks for no more than it is given.
  const [, fairMisses, fairHits] = await Promise.all([
    closedLoop(workshop, await makeMisses(seconds * 400), availableParallelism(), seconds, GREEDY),
    modestMisses(rate, seconds),
    hits(seconds),
  ]);
  await sleep(SETTLE_MS);
  const floodRate = Math.ceil(capacity * OVERLOAD);
  say(`now ${floodRate} a second from one client for ${seconds} s`);
  const urls = await makeMisses(floodRate * seconds);
  const [greedy, busyMisses, busyHits] = await Promise.all([
    openLoop(workshop, { urls, rate: floodRate, seconds, repeats: false, from: GREEDY }),
    modestMisses(rate, seconds),
    hits(seconds),
  ]);
  await sleep(SETTLE_MS);
  const besideHeavy = async (atOnce: number): Promise<readonly [Reply[], Reply[]]> => {
    say(`now ${atOnce} heavy pictures at a time from one client for ${seconds} s`);
    const urls = await makeMisses(seconds * 20 * availableParallelism(), heavy);
    const result = await Promise.all([
      closedLoop(workshop, urls, atOnce, seconds, GREEDY),
      modestMisses(rate, seconds),
    ]);
    await sleep(SETTLE_MS);
    return result;
  };
  const [, fairHeavyMisses] = await besideHeavy(availableParallelism());
  const [heavyGreedy, busyHeavyMisses] = await besideHeavy(HEAVY_AT_ONCE);
  await service.stop();

  const failed = [...busyMisses, ...busyHits, ...busyHeavyMisses].filter(
    ({ status }) => status !== 200,
  );
  const row = (what: string, all: readonly Reply[]): string[] => [
    what,
    number(all.length),
    number(all.filter(({ status }) => status === 200).length),
    ...[0.5, 0.95, 0.99].map((share) => number(p(all, share))),
  ];
  return {
    title: 'A greedy client and a modest one',
    about:
      `One client asks for ${OVERLOAD} × capacity in misses, all different, for ${seconds} s; another, by another address, ` +
      `for ${HITS_PER_SECOND} cached avatars and ${number(rate)} misses a second. Then the first has ${HEAVY_AT_ONCE} requests at a ` +
      'time under way for pictures that take long. Compared with a neighbour that keeps every renderer ' +
      'busy with the same pictures and asks for no more than that.',
    tables: [
      {
        head: ['', 'count', '200', 'p50 ms', 'p95 ms', 'p99 ms'],
        rows: [
          row('hits, idle', idleHits),
          row('hits beside a busy neighbour', fairHits),
          row('hits beside the flood', busyHits),
          row('misses beside a busy neighbour', fairMisses),
          row('misses beside the flood', busyMisses),
          row('the flood', greedy),
          row('misses beside a neighbour busy with heavy pictures', fairHeavyMisses),
          row('misses beside the flood of heavy pictures', busyHeavyMisses),
          row('the flood of heavy pictures', heavyGreedy),
        ],
      },
    ],
    targets: [
      {
        what: 'p99 of hits beside the flood ÷ idle',
        values: [p(busyHits, 0.99) / p(idleHits, 0.99)],
        atMost: 3,
      },
      {
        what: 'median miss beside the flood ÷ fair share',
        values: [p(busyMisses, 0.5) / p(fairMisses, 0.5)],
        atMost: 2,
      },
      {
        what: 'p95 of misses beside the flood ÷ fair share',
        values: [p(busyMisses, 0.95) / p(fairMisses, 0.95)],
        atMost: 2,
      },
      {
        what: 'median miss beside the flood of heavy pictures ÷ fair share',
        values: [p(busyHeavyMisses, 0.5) / p(fairHeavyMisses, 0.5)],
        atMost: 2,
      },
      { what: 'requests of the modest client that failed', values: [failed.length], atMost: 0 },
    ],
    notes: [whereGeneratorsRun()],
    plots: [],
  };
}

function p(replies: readonly Reply[], share: number): number {
  return quantile(
    replies.map(({ ms }) => ms),
    share,
  );
}

if (import.meta.main) await runAlone(flood);
