import type { Found } from '../avatar/ports.ts';
import { RecentTimes } from '../flow/recent-times.ts';
import type { OriginalStore, StoreReadOptions } from './store.ts';

/** A read is slow when it takes longer than this share of the last ones did. */
const SLOW = 0.95;
/** No read is slow before that: every hiccup of a fast store would be slow otherwise. */
const LEAST_MS = 20;
/** Second reads, as a share of all reads; a few may come together. */
const SHARE = 0.03;
const MOST_TOGETHER = 3;

/**
 * Begins a read a second time when it takes longer than nearly all did, and takes the answer that comes
 * first: S3 is slow by connection and server, seldom by object. When everything is slow that would
 * double the load on what can't bear it, hence the bound.
 *
 * @param onHedge is told which of the two reads was first
 */
export function createHedgedStore(
  store: OriginalStore,
  onHedge: (first: 'original' | 'hedge') => void,
): OriginalStore {
  const times = new RecentTimes();
  let allowance = 0;

  const mayHedge = (): boolean => {
    if (allowance < 1) return false;
    allowance -= 1;
    return true;
  };

  async function readTwice(key: string, options: StoreReadOptions, slowMs: number): Promise<Found> {
    const winner = new AbortController();
    const attempt = async (
      name: 'original' | 'hedge',
    ): Promise<{ name: typeof name; found: Found }> => {
      const signal = AbortSignal.any([options.signal, winner.signal]);
      return { name, found: await store.read(key, { ...options, signal }) };
    };
    const first = attempt('original');
    try {
      if (await isSettledWithin(first, slowMs)) return (await first).found;
      if (!mayHedge()) return (await first).found;
      const second = attempt('hedge');
      const { name, found } = await firstAnswer(first, second);
      onHedge(name);
      return found;
    } finally {
      winner.abort();
    }
  }

  return {
    name: store.name,
    async read(key, options) {
      allowance = Math.min(MOST_TOGETHER, allowance + SHARE);
      const startedAt = performance.now();
      const slowMs = times.quantile(SLOW);
      const found =
        slowMs === undefined
          ? await store.read(key, options)
          : await readTwice(key, options, Math.max(LEAST_MS, slowMs));
      times.observe(performance.now() - startedAt);
      return found;
    },
    probe: (signal) => store.probe(signal),
    close: () => store.close(),
  };
}

/** The first that succeeds wins: a failure of one is not the end while the other may succeed. */
async function firstAnswer<T>(first: Promise<T>, second: Promise<T>): Promise<T> {
  try {
    return await Promise.any([first, second]);
  } catch {
    // Both failed: the first one's failure is more likely the store's than bad luck.
    return await first;
  }
}

async function isSettledWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  const settled = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}
