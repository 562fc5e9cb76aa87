import { setTimeout as sleep } from 'node:timers/promises';

/** Gives turns at even distances, so many a second at most, to work that must not crowd out others. */
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
