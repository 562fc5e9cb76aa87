/** Misses: a list of pieces of work, none twice, and those who do it. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Format } from '../../src/vocabulary/formats.ts';
import type { S3Connection } from '../../test/support/s3-server.ts';
import { cpuSeconds, treeCpuSeconds } from './cpu.ts';
import { closedLoop } from './load.ts';
import { type Picture, SIZES } from './pictures.ts';
import type { Workshop } from './workshop.ts';

export type Miss = {
  readonly user: string;
  readonly picture: Picture;
  readonly size: number;
  readonly format: Format;
};

export type LoopWork = {
  readonly file: string;
  readonly size: number;
  readonly format: Format;
  /** Further sizes from the same decode. */
  readonly also?: readonly number[];
  /** From the original itself, where the service goes by way of a shared square. */
  readonly isSeparate?: boolean;
};

export type LoopPlan = {
  readonly work: readonly LoopWork[];
  readonly store?: LoopStore | undefined;
};

export type Done = {
  readonly perSecond: number;
  /** Of the server with all its processes, in milliseconds. */
  readonly cpuMsEach: number;
};

/** Every miss is of another user; pictures and sizes go round out of step. */
export function listMisses(
  count: number,
  pictures: readonly Picture[],
  formatOf: (picture: Picture) => Format,
): Miss[] {
  return Array.from({ length: count }, (_, index) => {
    const picture = pictures[index % pictures.length];
    const size = SIZES[(index + Math.floor(index / pictures.length)) % SIZES.length];
    if (picture === undefined || size === undefined) throw new Error('no pictures');
    return { user: `user-${index}`, picture, size, format: formatOf(picture) };
  });
}

export function avatarPath({ user, size, format }: Omit<Miss, 'picture'>): string {
  return `/user_avatar/bench/${user}/${size}/1.${format}`;
}

/** Asks a server for all of them, so many at a time. @throws Error when one does not succeed */
export async function askForAll(
  workshop: Workshop,
  urls: readonly string[],
  { pid, atOnce }: { readonly pid: number; readonly atOnce: number },
): Promise<Done> {
  const before = treeCpuSeconds(pid);
  const replies = await closedLoop(workshop, urls, atOnce);
  const cpu = treeCpuSeconds(pid) - before;
  const failed = replies.find(({ status }) => status !== 200);
  if (failed !== undefined || replies.length !== urls.length) {
    throw new Error(
      failed === undefined
        ? `${replies.length} of ${urls.length} were answered`
        : `${failed.url} was answered ${failed.status}`,
    );
  }
  const seconds = Math.max(...replies.map(({ at, ms }) => at + ms)) / 1000;
  return { perSecond: urls.length / seconds, cpuMsEach: (cpu * 1000) / urls.length };
}

export type SharpLoop = {
  /** Does the work with these places in the list. */
  run(atOnce: number, from: number, to: number): Promise<Done>;
};

type LoopOptions = {
  /** As renderers have it, where it is them who are compared. */
  readonly niceness?: number;
  /** Where variants go; by default nowhere. */
  readonly store?: LoopStore;
};

/** A bucket, which whoever starts the loop empties. */
export type LoopStore = { readonly bucket: string; readonly connection: S3Connection };

export function startSharpLoop(
  workshop: Workshop,
  work: readonly LoopWork[],
  { niceness = 0, store }: LoopOptions = {},
): SharpLoop {
  const file = join(workshop.folder, `sharp-loop-${randomUUID()}.json`);
  writeFileSync(file, JSON.stringify({ work, store } satisfies LoopPlan));
  const running = workshop.start(
    process.execPath,
    [join(import.meta.dirname, 'sharp-loop.ts'), file],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  // Its threads, which come later, have it from its first one.
  if (niceness > 0) setPriority(running.pid, niceness);
  const { stdin, stdout } = running.child;
  if (stdin === null || stdout === null) throw new Error('the loop has no pipes');
  const lines = createInterface({ input: stdout });
  return {
    async run(atOnce, from, to) {
      const before = cpuSeconds([running.pid]);
      const answer = once(lines, 'line');
      stdin.write(`${atOnce} ${from} ${to}\n`);
      const seconds = Number((await answer)[0]);
      const cpu = cpuSeconds([running.pid]) - before;
      return { perSecond: (to - from) / seconds, cpuMsEach: (cpu * 1000) / (to - from) };
    },
  };
}
