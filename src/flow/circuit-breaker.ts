type CircuitBreakerSettings = {
  /** So many failures in a row, and it is left alone. */
  readonly failures: number;
  /** For how long, before one request tries it again. */
  readonly restMs: number;
};

/**
 * Spares those who can do without it a service that fails or hangs. After its rest one request finds
 * out how it is; the others hear what came of it.
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

  /** Whether to ask now; who does, tells how it went. */
  allows(): boolean {
    const { failures, restMs } = this.#settings;
    if (this.#failuresInARow < failures) return true;
    const now = this.#now();
    if (now < this.#restsUntil) return false;
    // One who leaves before there is an answer tells nothing: then another tries, a rest later.
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
