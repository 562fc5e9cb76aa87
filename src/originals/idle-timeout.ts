/**
 * Measures how long a store that was asked has been silent. The time in which the service itself has no
 * memory for the store's answer does not count.
 */
export class IdleTimeout implements Disposable {
  readonly signal: AbortSignal;
  readonly #patienceMs: number | undefined;
  readonly #impatience = new AbortController();
  readonly #reason: (ms: number) => unknown;
  #since: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param patienceMs after which `signal` aborts; undefined: not before `asker` does
   * @param reason makes the reason that it then gives
   */
  constructor(asker: AbortSignal, patienceMs: number | undefined, reason: (ms: number) => unknown) {
    const isPatient = patienceMs === undefined;
    this.signal = isPatient ? asker : AbortSignal.any([asker, this.#impatience.signal]);
    this.#patienceMs = patienceMs;
    this.#reason = reason;
    this.#begin();
  }

  get ms(): number {
    return this.#since === undefined ? 0 : performance.now() - this.#since;
  }

  /** @param wait that the store is not to blame for */
  async interrupted(wait: Promise<void>): Promise<void> {
    this.#end();
    await wait;
    this.#begin();
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  #begin(): void {
    this.#since = performance.now();
    const ms = this.#patienceMs;
    if (ms === undefined || this.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#impatience.abort(this.#reason(ms)), ms);
  }

  #end(): void {
    this.#since = undefined;
    clearTimeout(this.#timer);
  }
}
