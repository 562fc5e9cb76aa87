/** Tells for how long work has been under way: nothing else would show work that never ends. */
export class Underway {
  // In the order of insertion, so that the first is the oldest.
  readonly #startedAt = new Set<{ readonly at: number }>();

  /** The age of the oldest work, in milliseconds; 0 when there is none. */
  get oldestMs(): number {
    for (const { at } of this.#startedAt) return performance.now() - at;
    return 0;
  }

  /** @returns to be called when the work has ended, in whatever way */
  begin(): () => void {
    const entry = { at: performance.now() };
    this.#startedAt.add(entry);
    return () => void this.#startedAt.delete(entry);
  }

  /** Counts the work from the moment that the signal calls it off, which it should heed. */
  async track<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
    let end = (): void => undefined;
    const begin = (): void => {
      end = this.begin();
    };
    if (signal.aborted) begin();
    else signal.addEventListener('abort', begin, { once: true });
    try {
      return await work;
    } finally {
      signal.removeEventListener('abort', begin);
      end();
    }
  }
}
