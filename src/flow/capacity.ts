export type Work = {
  readonly bytes: number;
  /** How long it takes, as far as can be told before. */
  readonly expectedMs: number;
};

export type CapacityLimits = {
  /** How much work runs at once. */
  readonly slots: number;
  /** Bytes that all running work together may hold decoded; what is larger runs alone. */
  readonly budgetBytes: number;
};

/** How much work may run at once: so many slots, and so many bytes for all that runs. */
export class Capacity {
  readonly #limits: CapacityLimits;
  /** Each with the work that it passed when it was let in, if it was not its turn. */
  readonly #running = new Map<Work, Work | undefined>();

  constructor(limits: CapacityLimits) {
    this.#limits = limits;
  }

  get running(): number {
    return this.#running.size;
  }

  get hasFreeSlot(): boolean {
    return this.#running.size < this.#limits.slots;
  }

  /** How long all that runs is expected to take, from its beginning. */
  get ms(): number {
    let sum = 0;
    for (const { expectedMs } of this.#running.keys()) sum += expectedMs;
    return sum;
  }

  fits({ bytes }: Work): boolean {
    if (this.#running.size === 0) return true;
    return this.hasFreeSlot && this.#bytes + bytes <= this.#limits.budgetBytes;
  }

  /**
   * How many bytes other work may hold while the first of the queue waits for bytes. The first must not
   * have to wait for more than what runs already: once that has ended, it fits beside whatever passed it.
   */
  bytesBeside(first: Work): number {
    if (!this.hasFreeSlot) return 0;
    let passed = 0;
    for (const [{ bytes }, whom] of this.#running) if (whom === first) passed += bytes;
    return this.#limits.budgetBytes - Math.max(this.#bytes, passed + first.bytes);
  }

  /** @param passed the work whose turn it was, if it was not this one's */
  enter(work: Work, passed?: Work): void {
    this.#running.set(work, passed);
  }

  leave(work: Work): void {
    this.#running.delete(work);
  }

  get #bytes(): number {
    let sum = 0;
    for (const { bytes } of this.#running.keys()) sum += bytes;
    return sum;
  }
}
