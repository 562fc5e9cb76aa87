/** What Prometheus scrapes, as far as the charts need it. */

/** @typedef {{ name: string, labels: Record<string, string>, value: number }} Sample */

/**
 * @param {string} text
 * @returns {Sample[]}
 */
export function parse(text) {
  return text.split('\n').flatMap((line) => {
    const parts = /^(?<name>\w+)(?:\{(?<labels>.*)\})? (?<value>\S+)$/.exec(line)?.groups;
    if (parts?.['name'] === undefined) return [];
    const pairs = (parts['labels'] ?? '').matchAll(/(?<label>\w+)="(?<value>[^"]*)"/g);
    const labels = Object.fromEntries(
      Array.from(pairs, ({ groups }) => [groups?.['label'] ?? '', groups?.['value'] ?? '']),
    );
    return [{ name: parts['name'], labels, value: Number(parts['value']) }];
  });
}

/**
 * The sum of a metric over all series with these labels.
 * @param {readonly Sample[]} samples
 * @param {string} name
 * @param {Record<string, string>} [labels]
 */
export function total(samples, name, labels = {}) {
  return samples
    .filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )
    .reduce((sum, { value }) => sum + value, 0);
}

/**
 * A quantile of what a histogram has observed between two scrapes, as Prometheus estimates it.
 * @param {readonly Sample[]} before
 * @param {readonly Sample[]} after
 * @param {string} name
 * @param {number} share
 * @returns {number | undefined} undefined when it has observed nothing
 */
export function quantile(before, after, name, share) {
  const bounds = [
    ...new Set(
      after.filter((sample) => sample.name === `${name}_bucket`).map(({ labels }) => labels['le']),
    ),
  ].flatMap((le) => (le === undefined ? [] : [le]));
  const counts = bounds.map(
    (le) => total(after, `${name}_bucket`, { le }) - total(before, `${name}_bucket`, { le }),
  );
  const all = counts.at(-1) ?? 0;
  if (all === 0) return undefined;
  const at = counts.findIndex((count) => count >= share * all);
  const [upper, lower] = [Number(bounds[at]), Number(bounds[at - 1] ?? 0)];
  const below = counts[at - 1] ?? 0;
  // Above the last bound there is nothing to estimate with.
  if (!Number.isFinite(upper)) return lower;
  return lower + ((upper - lower) * (share * all - below)) / ((counts[at] ?? 0) - below);
}
