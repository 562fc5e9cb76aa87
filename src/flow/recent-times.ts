/** Fewer observations say nothing about the slowest. */
const FEWEST = 40;
const MOST = 200;
/** Sorting them costs some microseconds, and the slowest change slowly. */
const SORTED_EVERY = 20;

/** Remembers how long something took lately, in milliseconds. */
export class RecentTimes {
  readonly #times: number[] = [];
  #sorted: readonly number[] = [];
  #observed = 0;

  observe(ms: number): void {
    this.#times[this.#observed % MOST] = ms;
    this.#observed += 1;
    if (this.#observed % SORTED_EVERY === 0) this.#sorted = this.#times.toSorted((a, b) => a - b);
  }

  /**
   * @param share of 1
   * @returns what this share of them did not exceed; undefined while there are too few
   */
  quantile(share: number): number | undefined {
    if (this.#observed < FEWEST) return undefined;
    return this.#sorted[Math.floor((this.#sorted.length - 1) * share)];
  }
}
