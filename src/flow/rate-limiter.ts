import { setTimeout as sleep } from 'node:timers/promises';

/** Turns at even distances, so many a second at most: for who must not crowd out others. */
export class RateLimiter {
  readonly #everyMs: number;
  #nextAt = 0;

  /** @param perSecond may be Infinity */
  constructor(perSecond: number) {
    this.#everyMs = 1000 / perSecond;
  }

  async acquire(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const at = Math.max(now, this.#nextAt);
    this.#nextAt = at + this.#everyMs;
    if (at > now) await sleep(at - now, undefined, { signal });
  }
}
