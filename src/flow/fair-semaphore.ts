import { AvatarError } from '../errors.ts';
import { FairQueue, PAID_BY_A_TURN_MS, type Turn } from './fair-queue.ts';

/** What waits is held in memory: the request, and all that was found out for it. */
const MOST_WAITING = 1000;

/** All cost the same, however long they keep what they get: who had a turn lets one pass. */
const COST_MS = PAID_BY_A_TURN_MS;

type Waiting = {
  readonly whose: Turn;
  readonly amount: number;
  readonly turn: PromiseWithResolvers<void>;
};

/**
 * So much of something for all: reads at once, bytes of memory. When it is used up sites, clients and
 * users take turns. Whose turn it is gets it before all others, however much it needs: nobody starves.
 */
export class FairSemaphore {
  readonly #what: string;
  readonly #all: number;
  readonly #queue = new FairQueue<Waiting>();
  #left: number;

  /** @param what it is, for the log */
  constructor(what: string, all: number) {
    this.#what = what;
    this.#all = all;
    this.#left = all;
  }

  get taken(): number {
    return this.#all - this.#left;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * @param amount who needs more than there is at all waits until nobody else has any
   * @returns to be disposed of when it is needed no more
   * @throws AvatarError `overloaded`, when too many wait already; the signal's reason
   */
  async acquire(turn: Turn, amount: number, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    const taken = Math.min(amount, this.#all);
    if (this.#queue.size === 0 && taken <= this.#left) this.#left -= taken;
    else await this.#wait(turn, taken, signal);
    let isTaken = true;
    return {
      [Symbol.dispose]: () => {
        if (isTaken) this.#left += taken;
        isTaken = false;
        this.#callNext();
      },
    };
  }

  async #wait(whose: Turn, amount: number, signal: AbortSignal): Promise<void> {
    // Whose turn comes soon is not who has filled the queue.
    if (this.waiting >= MOST_WAITING && this.#queue.aheadMs(whose) >= this.#queue.ms / 2) {
      const detail = `${this.waiting} wait for ${this.#what}`;
      throw new AvatarError('overloaded', { detail, retryAfterSeconds: 1 });
    }
    const waiting: Waiting = { whose, amount, turn: Promise.withResolvers() };
    const giveUp = (): void => {
      this.#queue.remove(whose, waiting);
      waiting.turn.reject(signal.reason);
      // Those behind it may need less.
      this.#callNext();
    };
    signal.addEventListener('abort', giveUp, { once: true });
    this.#queue.push(whose, waiting, COST_MS);
    try {
      await waiting.turn.promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  #callNext(): void {
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined || next.amount > this.#left) return;
      this.#queue.serve(next.whose, next);
      this.#left -= next.amount;
      next.turn.resolve();
    }
  }
}
