/** At most so many at once; the others wait in order, until their signal says they need not. */
export class Slots {
  readonly #waiting = new Set<() => void>();
  readonly #slots: number;
  #free: number;

  constructor(slots: number) {
    this.#slots = slots;
    this.#free = slots;
  }

  get running(): number {
    return this.#slots - this.#free;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  async run<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      this.#give();
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    const turn = Promise.withResolvers<void>();
    const giveUp = (): void => {
      if (this.#waiting.delete(turn.resolve)) turn.reject(signal.reason);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    this.#waiting.add(turn.resolve);
    try {
      await turn.promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  #give(): void {
    for (const next of this.#waiting) {
      // The slot goes from hand to hand.
      this.#waiting.delete(next);
      next();
      return;
    }
    this.#free += 1;
  }
}
