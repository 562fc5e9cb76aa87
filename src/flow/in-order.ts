/**
 * Does work on many things at a time and gives the results in the things' own order, so that "all up
 * to here is done" can be said. At most `ahead` are begun and not yet given.
 */
export async function* inOrder<Thing, Result>(
  things: AsyncIterable<Thing>,
  ahead: number,
  work: (thing: Thing) => Promise<Result>,
): AsyncGenerator<Result> {
  const begun: Array<Promise<Result>> = [];
  for await (const thing of things) {
    const result = work(thing);
    // Its failure is thrown when its turn comes, if it ever does.
    result.catch(() => undefined);
    begun.push(result);
    if (begun.length >= ahead) yield* takeFirst(begun);
  }
  while (begun.length > 0) yield* takeFirst(begun);
}

async function* takeFirst<Result>(begun: Array<Promise<Result>>): AsyncGenerator<Result> {
  const first = begun.shift();
  if (first !== undefined) yield await first;
}
