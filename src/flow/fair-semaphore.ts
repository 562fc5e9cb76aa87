import { AvatarError } from '../errors.ts';
import { FairQueue, PAID_BY_A_TURN_MS, type Turn } from './fair-queue.ts';

/** Bounds the memory of those who wait: each holds its request and all that was found out for it. */
const MOST_WAITING = 1000;

/** All cost the same, however long they keep what they get: whoever had a turn lets one pass. */
const COST_MS = PAID_BY_A_TURN_MS;

/** The share kept for clients that have nothing yet. */
const FOR_NEWCOMERS = 1 / 8;

type Waiting = {
  readonly whose: Turn;
  readonly amount: number;
  readonly turn: PromiseWithResolvers<void>;
};

/**
 * Gives out a limited amount of something: reads at once, bytes of memory. When it is used up sites, clients
 * and users take turns. Whoever is next is served before all others, however much it needs: nobody starves.
 * A share is kept for clients that have nothing yet: one that took all the rest does not keep them waiting.
 */
export class FairSemaphore {
  readonly #what: string;
  readonly #all: number;
  readonly #forAll: number;
  readonly #queue = new FairQueue<Waiting>();
  /** How many pieces each client has; clients without any are not listed. */
  readonly #pieces = new Map<string, number>();
  #left: number;
  #leftForNewcomers: number;

  /** @param what is given out, for the log */
  constructor(what: string, all: number) {
    this.#what = what;
    this.#all = all;
    this.#leftForNewcomers = Math.floor(all * FOR_NEWCOMERS);
    this.#forAll = all - this.#leftForNewcomers;
    this.#left = this.#forAll;
  }

  get taken(): number {
    return this.#all - this.#left - this.#leftForNewcomers;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * @param amount one that is more than all there is waits until nobody else has any
   * @returns the piece, to be disposed of when it is needed no more
   * @throws AvatarError `overloaded`, when too many wait already; the signal's reason
   */
  async acquire(turn: Turn, amount: number, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    const taken = Math.min(amount, this.#forAll);
    const client = JSON.stringify([turn.site, turn.client]);
    const isFree = this.#queue.size === 0 && taken <= this.#left;
    const isNewcomers = !isFree && !this.#pieces.has(client) && amount <= this.#leftForNewcomers;
    if (isFree) this.#left -= taken;
    else if (isNewcomers) this.#leftForNewcomers -= amount;
    else await this.#wait(turn, taken, signal);
    this.#count(client, 1);
    let isTaken = true;
    return {
      [Symbol.dispose]: () => {
        if (!isTaken) return;
        isTaken = false;
        this.#count(client, -1);
        if (isNewcomers) this.#leftForNewcomers += amount;
        else this.#left += taken;
        this.#callNext();
      },
    };
  }

  #count(client: string, more: 1 | -1): void {
    const pieces = (this.#pieces.get(client) ?? 0) + more;
    if (pieces === 0) this.#pieces.delete(client);
    else this.#pieces.set(client, pieces);
  }

  async #wait(whose: Turn, amount: number, signal: AbortSignal): Promise<void> {
    // A caller whose turn comes soon did not fill the queue; admit it.
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
      const next = this.#queue.advance();
      if (next === undefined || next.amount > this.#left) return;
      this.#queue.serve(next.whose, next);
      this.#left -= next.amount;
      next.turn.resolve();
    }
  }
}
