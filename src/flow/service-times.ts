/** Running estimates of how long work takes, by class of cost, in milliseconds. */
export class ServiceTimes {
  readonly #seen = new Map<string, { meanMs: number; count: number }>();
  readonly #initialMs: number;
  readonly #newShare: number;
  readonly #trust: number;

  /**
   * @param initialMs the guess for a class that was never seen
   * @param remembered about so many of the last observations decide
   * @param trust how many observations the guess counts for
   */
  constructor(initialMs: number, remembered: number, trust = 0) {
    this.#initialMs = initialMs;
    this.#newShare = 2 / (remembered + 1);
    this.#trust = trust;
  }

  estimate(costClass: string): number {
    return this.#seen.get(costClass)?.meanMs ?? this.#initialMs;
  }

  observe(costClass: string, ms: number): void {
    const { meanMs, count } = this.#seen.get(costClass) ?? { meanMs: this.#initialMs, count: 0 };
    // A few observations have their plain mean, else the first one would decide for long.
    const share = Math.max(this.#newShare, 1 / (count + 1 + this.#trust));
    this.#seen.set(costClass, { meanMs: meanMs + (ms - meanMs) * share, count: count + 1 });
  }
}
