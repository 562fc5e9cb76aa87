import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterEach, expect } from 'vitest';
import type { RenderJob } from '../../src/avatar/ports.ts';
import { RenderPool } from '../../src/render/pool.ts';

export const never = new AbortController().signal;

type Events = {
  died: string[];
  /** To be taken out by tests that kill renderers between pictures: in others none dies so. */
  diedIdle: string[];
  quarantined: string[];
  rendered: number;
};

export let pool: RenderPool;
export let events: Events;
/** Given to renderers and carried out. */
export let orders: number;

export function open(renderers: number, inSets = false): RenderPool {
  orders = 0;
  events = { died: [], diedIdle: [], quarantined: [], rendered: 0 };
  pool = new RenderPool(
    { renderers, decodedBytes: 400e6, inSets },
    {
      rendered: (variants) => {
        events.rendered += variants;
        orders += 1;
      },
      died: (identity) => events.died.push(identity),
      quarantined: (identity) => events.quarantined.push(identity),
      diedIdle: (error) => events.diedIdle.push(String(error)),
      failedStart: (reason) => {
        throw reason;
      },
    },
  );
  return pool;
}

afterEach(async () => {
  await pool.close();
  const [death] = events.diedIdle;
  if (death !== undefined) throw new Error(`killed by nobody: ${death}`);
});

export function job(bytes: Buffer, changes: Partial<RenderJob> = {}): RenderJob {
  return {
    original: { bytes, format: 'png', width: 900, height: 900, frames: 1, decodedBytes: 1e6 },
    size: 48,
    format: 'png',
    identity: createHash('sha256').update(bytes).digest('hex'),
    site: 's',
    client: 'c',
    user: 'u',
    dueAt: later(),
    ...changes,
  };
}

/** Takes a renderer half a second and 200 MB. */
export async function slowJob(changes: Partial<RenderJob> = {}): Promise<RenderJob> {
  slowOriginal ??= await sharp({
    create: { width: 5000, height: 5000, channels: 4, background: '#8888' },
  })
    .toColourspace('rgb16')
    .png({ progressive: true, compressionLevel: 1 })
    .toBuffer();
  return job(slowOriginal, changes);
}
let slowOriginal: Buffer | undefined;

/** The same, and known to be so large that its sizes are made from one decode. */
export async function largeSlowJob(changes: Partial<RenderJob> = {}): Promise<RenderJob> {
  const slow = await slowJob({ dueAt: performance.now() + 2000, ...changes });
  return { ...slow, original: { ...slow.original, width: 5000, height: 5000 } };
}

export function later(): number {
  return performance.now() + 15_000;
}

/** Waits until the renderer is in the middle of decoding, as its memory tells. */
export async function whileRendering(action: () => void): Promise<void> {
  const grown = (): boolean => pool.pids.some((pid) => residentBytes(pid) > 120e6);
  await expect.poll(grown, { interval: 10, timeout: 10_000 }).toBe(true);
  action();
}

export function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch {
    // Just gone.
    return 0;
  }
}

/** The one at work, of a pool of one. */
export function signalIt(signal: NodeJS.Signals): void {
  const [pid] = pool.pids;
  if (pid === undefined) throw new Error('there is none');
  process.kill(pid, signal);
}
