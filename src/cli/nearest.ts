/** What somebody may have meant who wrote a name wrong. */
export function nearestTo(name: string, known: readonly string[]): string {
  return known.reduce((best, each) => (distance(each, name) < distance(best, name) ? each : best));
}

/** By Levenshtein: how many letters have to be put in, left out or changed. */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of a.split('').entries()) {
    const next = [i + 1];
    for (const [j, other] of b.split('').entries()) {
      const changed = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
