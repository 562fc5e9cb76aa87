/** Lists what several stores hold as if they were one: for going over all originals. */
import type { ListedObject } from '../vocabulary/keys.ts';

export function compareKeys(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Merges listings in order; a key that several have is given once, as the first of them has it. */
export async function* mergeListings(
  listings: ReadonlyArray<AsyncIterable<ListedObject>>,
): AsyncGenerator<ListedObject> {
  const iterators = listings.map((listing) => listing[Symbol.asyncIterator]());
  try {
    const heads = await Promise.all(iterators.map((each) => each.next()));
    for (;;) {
      const next = firstOf(heads);
      if (next === undefined) return;
      yield next;
      for (const [index, iterator] of iterators.entries()) {
        const head = heads[index];
        if (head?.done === false && head.value.key === next.key)
          heads[index] = await iterator.next();
      }
    }
  } finally {
    await Promise.all(iterators.map(async (each) => each.return?.()));
  }
}

function firstOf(
  heads: ReadonlyArray<IteratorResult<ListedObject, unknown>>,
): ListedObject | undefined {
  let first: ListedObject | undefined;
  for (const head of heads) {
    if (head.done === true) continue;
    if (first === undefined || compareKeys(head.value.key, first.key) < 0) first = head.value;
  }
  return first;
}
