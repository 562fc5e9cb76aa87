/** Medians and what the rounds differ by. Pure. */

/** @throws Error when there is nothing to take it of */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  if (below === undefined || above === undefined) throw new Error('a quantile of nothing');
  return below + (above - below) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The interquartile range as a share of the median: what rounds of the same thing differ by. */
export function spread(values: readonly number[]): number {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / median(values);
}

/** Round by round, so that what slows a whole round cancels out. */
export function ratios(these: readonly number[], those: readonly number[]): number[] {
  return these.flatMap((value, round) => {
    const other = those[round];
    return other === undefined || other === 0 ? [] : [value / other];
  });
}
