type CircuitBreakerSettings = {
  /** After so many failures in a row the service is not called. */
  readonly failures: number;
  /** How long it is not called, until one request tries it again. */
  readonly restMs: number;
};

/**
 * Stops calling an optional service that keeps failing. After a rest one request finds out how it is, and
 * the others go by that.
 */
export class CircuitBreaker {
  readonly #settings: CircuitBreakerSettings;
  readonly #now: () => number;
  #failuresInARow = 0;
  #restsUntil = -Infinity;

  constructor(settings: CircuitBreakerSettings, now: () => number = () => performance.now()) {
    this.#settings = settings;
    this.#now = now;
  }

  /** Whether to call it now; whoever does reports how it went. */
  allows(): boolean {
    const { failures, restMs } = this.#settings;
    if (this.#failuresInARow < failures) return true;
    const now = this.#now();
    if (now < this.#restsUntil) return false;
    // A caller that leaves before the answer reports nothing: after another rest the next one tries.
    this.#restsUntil = now + restMs;
    return true;
  }

  succeeded(): void {
    this.#failuresInARow = 0;
  }

  failed(): void {
    this.#failuresInARow += 1;
    if (this.#failuresInARow >= this.#settings.failures) {
      this.#restsUntil = this.#now() + this.#settings.restMs;
    }
  }
}
