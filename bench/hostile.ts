/** Four copies of each dangerous picture at once, while hits go on. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { whereGeneratorsRun } from './support/ahead.ts';
import { type BenchContext, runAlone } from './support/bench.ts';
import { residentMegabytesOf } from './support/cpu.ts';
import { buildHostilePictures, type HostilePicture } from './support/hostile-pictures.ts';
import { closedLoop, openLoop, type Reply } from './support/load.ts';
import { avatarPath } from './support/misses.ts';
import { drawPictures, giveToUsers, pictureNamed } from './support/pictures.ts';
import { ask, type Service, startService } from './support/service.ts';
import { quantile } from './support/statistics.ts';
import { number, type Report } from './support/table.ts';
import { whileWatching } from './support/watch.ts';
import type { Workshop } from './support/workshop.ts';

const COPIES = 4;
const HITS_PER_SECOND = 200;
/** A whole of a miss may take ten seconds by default: so long at the most an attack holds anything. */
const ANSWERED_WITHIN_MS = 11_000;
const MEMORY_LIMIT_MB = 1000;
/** A decoder fills about 200 MB in that time. */
const LOOK_EVERY_MS = 100;

export async function hostile({ quick, workshop, say }: BenchContext): Promise<Report> {
  const seconds = quick ? 2 : 8;
  const built = await buildHostilePictures();
  const pictures = quick ? built.slice(0, 6) : built;
  say(`${pictures.length} pictures, ${COPIES} of each`);
  const folder = join(workshop.folder, 'originals');
  const avatars = await drawPictures(join(workshop.folder, 'pictures'));
  await giveToUsers(folder, [{ user: 'regular', picture: pictureNamed(avatars, 'avatar') }]);
  for (const [index, { bytes }] of pictures.entries()) giveCopies(folder, index, bytes);
  const service = await startService(workshop, { env: { AVATAR_ORIGINALS: `file:${folder}` } });
  const hitUrl = `${service.url}${avatarPath({ user: 'regular', size: 96, format: 'jpg' })}`;
  await ask(hitUrl);
  const hits = (forSeconds: number): Promise<Reply[]> =>
    openLoop(workshop, {
      urls: [hitUrl],
      rate: HITS_PER_SECOND,
      seconds: forSeconds,
      repeats: true,
    });
  await hits(1);
  const idle = p99(await hits(quick ? 3 : 10));

  const attacks: Attack[] = [];
  for (const [index, picture] of pictures.entries()) {
    attacks.push(await attack(workshop, service, { picture, index, hits: () => hits(seconds) }));
    // What a killed renderer leaves is a second of starting another.
    await sleep(500);
    say(`${picture.name}: ${attacks.at(-1)?.answers ?? ''}`);
  }
  const failedHits = attacks.reduce((total, each) => total + each.failedHits, 0);
  const unexpected = attacks.reduce((total, each) => total + each.unexpected, 0);
  return {
    title: 'Dangerous pictures',
    about:
      `${COPIES} copies of each at once, as avatars of ${COPIES} users, at 96 px, while ${HITS_PER_SECOND} hits a second go on (open loop; ` +
      `p99 of hits without any of them: ${number(idle)} ms). Memory is what is resident of all processes, pages they share counted for each.`,
    tables: [
      {
        head: [
          'picture',
          'kB',
          'expected',
          'answered',
          'slowest answer ms',
          'p99 of hits ms',
          'peak MB',
        ],
        rows: attacks.map((each) => [
          each.name,
          number(each.kilobytes),
          each.expected,
          each.answers,
          number(each.slowestMs),
          number(each.hitsP99),
          number(each.megabytes),
        ]),
      },
    ],
    targets: [
      {
        what: 'slowest answer to any of them',
        values: [Math.max(...attacks.map((each) => each.slowestMs))],
        atMost: ANSWERED_WITHIN_MS,
        unit: 'ms',
      },
      {
        what: 'memory of all processes, peak',
        values: [Math.max(...attacks.map((each) => each.megabytes))],
        atMost: MEMORY_LIMIT_MB,
        unit: 'MB',
      },
      {
        what: 'worst p99 of hits ÷ idle',
        values: [Math.max(...attacks.map((each) => each.hitsP99)) / idle],
        atMost: 2,
      },
      { what: 'answers other than expected', values: [unexpected], atMost: 0 },
      { what: 'hits that failed', values: [failedHits], atMost: 0 },
    ],
    notes: [whereGeneratorsRun()],
    plots: [],
  };
}

type Attack = {
  readonly name: string;
  readonly kilobytes: number;
  readonly expected: string;
  readonly answers: string;
  readonly unexpected: number;
  readonly slowestMs: number;
  readonly hitsP99: number;
  readonly failedHits: number;
  readonly megabytes: number;
};

async function attack(
  workshop: Workshop,
  service: Service,
  {
    picture,
    index,
    hits,
  }: { picture: HostilePicture; index: number; hits: () => Promise<Reply[]> },
): Promise<Attack> {
  const urls = Array.from({ length: COPIES }, (_, copy) => {
    const user = userOf(index, copy);
    return `${service.url}${avatarPath({ user, size: 96, format: 'png' })}`;
  });
  const { seen, result } = await whileWatching(
    () => residentMegabytesOf(service.tree()),
    LOOK_EVERY_MS,
    () => Promise.all([closedLoop(workshop, urls, COPIES), hits()]),
  );
  const [replies, hitReplies] = result;
  return {
    name: picture.name,
    kilobytes: picture.bytes.byteLength / 1000,
    expected: picture.statuses.join(' or '),
    answers: replies
      .map(({ status }) => status)
      .toSorted((a, b) => a - b)
      .join(' '),
    unexpected: COPIES - replies.filter(({ status }) => picture.statuses.includes(status)).length,
    slowestMs: Math.max(...replies.map(({ ms }) => ms)),
    hitsP99: p99(hitReplies),
    failedHits: hitReplies.filter(({ status }) => status !== 200).length,
    megabytes: Math.max(...seen),
  };
}

function giveCopies(folder: string, index: number, bytes: Buffer): void {
  for (let copy = 0; copy < COPIES; copy += 1) {
    const home = join(folder, 'bench', userOf(index, copy));
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, '1'), bytes);
  }
}

function userOf(index: number, copy: number): string {
  return `hostile-${index}-${copy}`;
}

function p99(replies: readonly Reply[]): number {
  return quantile(
    replies.map(({ ms }) => ms),
    0.99,
  );
}

if (import.meta.main) await runAlone(hostile);
