/** How long the service works for each kind of reply, in CPU milliseconds of all its processes. */
export type ServiceTimes = {
  /** On what, and when, it was measured. */
  readonly machine: string;
  readonly date: string;
  /** That was asked for, as the extension has it. */
  readonly format: string;
  readonly memoryHitMs: number;
  readonly sharedHitMs: number;
  /** A render with all that belongs to it, by size. */
  readonly renderMs: ReadonlyArray<{ readonly size: number; readonly ms: number }>;
  /** The mean of the pictures it was measured with, and of what was made of them. */
  readonly originalBytes: number;
  readonly variantBytes: ReadonlyArray<{ readonly size: number; readonly bytes: number }>;
};

export function renderMsOf({ renderMs }: ServiceTimes, size: number): number {
  return between(
    renderMs.map((each) => [each.size, each.ms]),
    size,
  );
}

export function variantBytesOf({ variantBytes }: ServiceTimes, size: number): number {
  return between(
    variantBytes.map((each) => [each.size, each.bytes]),
    size,
  );
}

/** For a size that was not measured: between its neighbours, in proportion; beyond all, as the last. */
function between(measured: ReadonlyArray<readonly [number, number]>, size: number): number {
  const sorted = measured.toSorted(([one], [other]) => one - other);
  const above = sorted.find(([each]) => each >= size) ?? sorted.at(-1);
  const below = sorted.findLast(([each]) => each <= size) ?? sorted[0];
  if (above === undefined || below === undefined) throw new Error('nothing was measured');
  if (above[0] === below[0]) return above[1];
  const part = (size - below[0]) / (above[0] - below[0]);
  return below[1] + part * (above[1] - below[1]);
}
