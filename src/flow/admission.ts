import { AvatarError } from '../errors.ts';
import { FairQueue, type Turn } from './fair-queue.ts';
import { ServiceTimes } from './service-times.ts';

/** A first guess per class, in milliseconds; what is measured replaces it at once. */
const INITIAL_SERVICE_MS = 40;
/** Work that may be waiting, whatever the estimates say: bounds what the wait holds in memory. */
const MOST_WAITING = 2000;
/**
 * Estimates err, and who was let in to be late was kept waiting for nothing and held a place. Half the
 * time until the deadline is queue enough to keep every renderer busy.
 */
const WAIT_MARGIN = 2;
/** Work of one class is alike: the last dozen tell how long the next one takes. */
const REMEMBERED_OF_CLASS = 12;
/** Any mixture: after a few small pictures the queue must not seem short. */
const REMEMBERED_OF_ALL = 100;
/**
 * The first render of a fresh process takes many times what the next ones do. Believed at once, it would
 * make a short queue look longer than the deadline: a new instance would refuse its first visitors.
 */
const TRUST_IN_GUESS = 4;
const ALL = 'all';

export type AdmissionLimits = {
  /** How much work runs at once. */
  readonly slots: number;
  /** Bytes that all running work together may hold decoded; one larger piece runs alone. */
  readonly budgetBytes: number;
};

export type Ticket = Turn & {
  /** Bytes this work is expected to hold. */
  readonly bytes: number;
  /** Work of one class takes about equally long. */
  readonly costClass: string;
  /** When the answer is due, on the clock of `performance.now()`. */
  readonly dueAt: number;
  readonly signal: AbortSignal;
};

/** Why work was refused: at the door, for two reasons; before its door was reached; after a wait. */
export type ShedReason = 'queue_full' | 'would_be_late' | 'foreseen' | 'became_late';

type Waiting = {
  readonly ticket: Ticket;
  readonly since: number;
  readonly admit: () => void;
  readonly refuse: (error: unknown) => void;
};

/**
 * The door to the renderers. Lets in as much as there are slots and bytes for; lets the others wait
 * in fair turns, each no longer than its deadline allows; refuses at once what could only be late.
 * Nothing that waits for a network may hold a slot.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #queue = new FairQueue<Waiting>();
  readonly #times = new ServiceTimes(INITIAL_SERVICE_MS, REMEMBERED_OF_CLASS);
  /** What the queue's length in time is measured with. */
  readonly #average = new ServiceTimes(INITIAL_SERVICE_MS, REMEMBERED_OF_ALL, TRUST_IN_GUESS);
  /** Places kept: nobody is called from here. */
  readonly #reserved = new FairQueue<object>();
  /** In order of arrival, which turns are not. */
  readonly #arrivals = new Set<Waiting>();
  readonly #shed = { queue_full: 0, would_be_late: 0, foreseen: 0, became_late: 0 };
  #running = 0;
  #bytes = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** How long the one who came first has been waiting; 0 when nobody is. */
  get oldestWaitMs(): number {
    for (const { since } of this.#arrivals) return performance.now() - since;
    return 0;
  }

  /** How often work was refused. */
  get shed(): Readonly<Record<ShedReason, number>> {
    return this.#shed;
  }

  /**
   * Keeps a place for work whose input has yet to be fetched, until the place is disposed of. Those who
   * are on their way count: else all who ask during one slow read would be let in together.
   * @throws AvatarError `overloaded`, when work that came now could only be late
   */
  reserve(turn: Turn, dueAt: number): Disposable {
    const reserved = this.#reserved.ahead(turn);
    if (this.#queue.size > 0 || this.#running + reserved >= this.#limits.slots) {
      const waitMs = this.#expectedWaitMs(this.#queue.ahead(turn) + reserved);
      if (isLate(waitMs, this.#averageMs, dueAt)) throw this.#refusal('foreseen', waitMs);
    }
    const place = {};
    this.#reserved.push(turn, place);
    return { [Symbol.dispose]: () => this.#reserved.remove(turn, place) };
  }

  /**
   * Runs the work when it is its turn.
   * @param work calls `begins` when it had something to wait for first, a renderer that was just
   *   started: taken for service time, that once would turn away the next hundred
   * @throws AvatarError `overloaded`, with when to come back, and whatever the work throws
   */
  async run<Result>(
    ticket: Ticket,
    work: (begins: () => void) => Promise<Result>,
  ): Promise<Result> {
    await this.#enter(ticket);
    let startedAt = performance.now();
    const begins = (): void => {
      startedAt = performance.now();
    };
    try {
      return await work(begins);
    } finally {
      this.#leave(ticket, performance.now() - startedAt);
    }
  }

  async #enter(ticket: Ticket): Promise<void> {
    ticket.signal.throwIfAborted();
    if (this.#queue.size === 0 && this.#hasRoomFor(ticket)) {
      this.#take(ticket);
      return;
    }
    const { costClass, dueAt } = ticket;
    const ahead = this.#queue.ahead(ticket);
    const waitMs = this.#expectedWaitMs(ahead);
    // Whose turn comes soon is not who has filled the queue.
    const isFull = this.#queue.size >= MOST_WAITING && ahead >= MOST_WAITING / 2;
    if (isFull) throw this.#refusal('queue_full', waitMs);
    if (isLate(waitMs, this.#times.estimate(costClass), dueAt)) {
      throw this.#refusal('would_be_late', waitMs);
    }
    await this.#wait(ticket);
  }

  async #wait(ticket: Ticket): Promise<void> {
    const turn = Promise.withResolvers<void>();
    const waiting: Waiting = {
      ticket,
      since: performance.now(),
      admit: turn.resolve,
      refuse: turn.reject,
    };
    const { signal } = ticket;
    const giveUp = (): void => {
      this.#queue.remove(ticket, waiting);
      turn.reject(signal.reason);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    this.#queue.push(ticket, waiting);
    this.#arrivals.add(waiting);
    try {
      await turn.promise;
    } finally {
      this.#arrivals.delete(waiting);
      signal.removeEventListener('abort', giveUp);
    }
  }

  #leave(ticket: Ticket, tookMs: number): void {
    this.#running -= 1;
    this.#bytes -= ticket.bytes;
    this.#times.observe(ticket.costClass, tookMs);
    this.#average.observe(ALL, tookMs);
    this.#callNext();
  }

  #callNext(): void {
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined || !this.#hasRoomFor(next.ticket)) return;
      this.#queue.shift();
      const { costClass, dueAt } = next.ticket;
      if (isLate(0, this.#times.estimate(costClass), dueAt)) {
        const waitMs = this.#expectedWaitMs(this.#queue.ahead(next.ticket));
        next.refuse(this.#refusal('became_late', waitMs));
        continue;
      }
      this.#take(next.ticket);
      next.admit();
    }
  }

  #take(ticket: Ticket): void {
    this.#running += 1;
    this.#bytes += ticket.bytes;
  }

  #hasRoomFor(ticket: Ticket): boolean {
    if (this.#running === 0) return true;
    return (
      this.#running < this.#limits.slots && this.#bytes + ticket.bytes <= this.#limits.budgetBytes
    );
  }

  #expectedWaitMs(ahead: number): number {
    return ((ahead + this.#running / 2) * this.#averageMs) / this.#limits.slots;
  }

  get #averageMs(): number {
    return this.#average.estimate(ALL);
  }

  #refusal(reason: ShedReason, waitMs: number): AvatarError {
    this.#shed[reason] += 1;
    return new AvatarError('overloaded', {
      detail: `the queue for renderers is ${Math.round(waitMs)} ms long`,
      retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
    });
  }
}

function isLate(waitMs: number, serviceMs: number, dueAt: number): boolean {
  return performance.now() + waitMs * WAIT_MARGIN + serviceMs > dueAt;
}
