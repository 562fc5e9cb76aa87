/** Looks at something again and again while something else happens. */
import { setTimeout as sleep } from 'node:timers/promises';

/** @returns what was seen, and the result of what was done meanwhile */
export async function whileWatching<Seen, Result>(
  look: () => Seen | Promise<Seen>,
  everyMs: number,
  work: () => Promise<Result>,
): Promise<{ seen: Seen[]; result: Result }> {
  const seen: Seen[] = [];
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      seen.push(await look());
      await sleep(everyMs, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  try {
    const result = await work();
    return { seen, result };
  } finally {
    over.abort();
    await watching;
  }
}
