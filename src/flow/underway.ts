/** What has been begun and not ended, and for how long: work that never ends is nowhere else to be seen. */
export class Underway {
  // In the order of insertion, so that the first is the oldest.
  readonly #startedAt = new Set<{ readonly at: number }>();

  /** Of the oldest, in milliseconds; 0 when there is nothing under way. */
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

  /** Work that is called off by a signal, which it should heed: counts from then on. */
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
