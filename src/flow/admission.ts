import { AvatarError } from '../errors.ts';
import { Capacity, type CapacityLimits, type Work } from './capacity.ts';
import { FairQueue, type Turn } from './fair-queue.ts';
import { ServiceTimes } from './service-times.ts';

/** A first guess per class, in milliseconds; what is measured replaces it at once. */
const INITIAL_SERVICE_MS = 40;
/** How much work may wait, whatever the estimates say: bounds what waiting work holds in memory. */
const MOST_WAITING = 2000;
/**
 * Estimates err: work may wait only if twice the wait expected, and the work itself, still end before its
 * deadline. Work that waits and is late after all has held a place for nothing, and a queue of half the time
 * until the deadline keeps every renderer busy.
 */
const WAIT_MARGIN = 2;
/** Work of one class is alike: the last dozen tell how long the next one takes. */
const REMEMBERED_OF_CLASS = 12;
/** Work of all classes is a mixture: after a few small pictures the queue must not seem short. */
const REMEMBERED_OF_ALL = 100;
/**
 * The first render of a fresh process takes many times what the next ones do. Believed at once, it would
 * make a short queue look longer than the deadline: a new instance would refuse its first visitors.
 */
const TRUST_IN_GUESS = 4;
const ALL = 'all';
/** How many of those waiting are looked at to find one that needs few bytes. */
const MOST_LOOKED_AT = 100;

export type Ticket = Turn & {
  /** Bytes this work is expected to hold. */
  readonly bytes: number;
  /** Work of one class takes about equally long; the class may change while work joins a batch. */
  readonly costClass: string;
  /** When the answer is due, on the clock of `performance.now()`; may become later during the wait. */
  readonly dueAt: number;
  readonly signal: AbortSignal;
};

/** Why work was refused: on arrival (two reasons), on reserving a place, or after a wait. */
export type ShedReason = 'queue_full' | 'would_be_late' | 'foreseen' | 'became_late';

type Waiting = Work & {
  readonly ticket: Ticket;
  readonly since: number;
  readonly turn: PromiseWithResolvers<void>;
};

/** The work to let in, and the work that it passes, whose turn it was. */
type Called = { readonly next: Waiting; readonly passed?: Waiting };

/**
 * The door to the renderers. Lets in as much as there are slots and bytes for; lets the others wait
 * in fair turns, each no longer than its deadline allows; refuses at once what could only be late.
 * Nothing that waits for a network may hold a slot.
 */
export class Admission {
  readonly #slots: number;
  readonly #capacity: Capacity;
  readonly #queue = new FairQueue<Waiting>();
  readonly #times = new ServiceTimes(INITIAL_SERVICE_MS, REMEMBERED_OF_CLASS, TRUST_IN_GUESS);
  /** Estimates work whose class is not known yet. */
  readonly #average = new ServiceTimes(INITIAL_SERVICE_MS, REMEMBERED_OF_ALL, TRUST_IN_GUESS);
  /** Places kept for work to come: nothing is called from here. */
  readonly #reserved = new FairQueue<object>();
  /** All that waits, in order of arrival. */
  readonly #arrivals = new Set<Waiting>();
  readonly #shed = { queue_full: 0, would_be_late: 0, foreseen: 0, became_late: 0 };

  constructor(limits: CapacityLimits) {
    this.#slots = limits.slots;
    this.#capacity = new Capacity(limits);
  }

  get running(): number {
    return this.#capacity.running;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** How long the oldest work has been waiting; 0 when none is. */
  get oldestWaitMs(): number {
    for (const { since } of this.#arrivals) return performance.now() - since;
    return 0;
  }

  /** How often work was refused. */
  get shed(): Readonly<Record<ShedReason, number>> {
    return this.#shed;
  }

  /**
   * Keeps a place for work whose input has yet to be fetched, until the place is disposed of. Such work
   * counts: else all that is asked for during one slow read would be let in together.
   * @throws AvatarError `overloaded`, when work that came now could only be late
   */
  reserve(turn: Turn, dueAt: number): Disposable {
    const averageMs = this.#average.estimate(ALL);
    const reservedMs = this.#reserved.aheadMs(turn);
    const reserved = reservedMs / averageMs;
    if (this.#queue.size > 0 || this.running + reserved >= this.#slots) {
      const waitMs = this.#waitMs(this.#queue.aheadMs(turn) + reservedMs);
      if (isLate(waitMs, averageMs, dueAt)) throw this.#refusal('foreseen', waitMs);
    }
    const place = {};
    this.#reserved.push(turn, place, averageMs);
    return { [Symbol.dispose]: () => this.#reserved.remove(turn, place) };
  }

  /**
   * Runs the work when it is its turn.
   * @param work calls `begins` once it need not wait any more for a renderer that was just started:
   *   counted as service time, one such wait would turn away the next hundred
   * @throws AvatarError `overloaded`, with when to come back, and whatever the work throws
   */
  async run<Result>(
    ticket: Ticket,
    work: (begins: () => void) => Promise<Result>,
  ): Promise<Result> {
    const admitted = await this.#enter(ticket);
    let startedAt = performance.now();
    let leastMs = admitted.expectedMs;
    const begins = (): void => {
      startedAt = performance.now();
      leastMs = 0;
    };
    try {
      return await work(begins);
    } finally {
      // Work that never began is charged its estimate or the wait: it must not look like a fast render.
      this.#leave(admitted, Math.max(leastMs, performance.now() - startedAt));
    }
  }

  async #enter(ticket: Ticket): Promise<Waiting> {
    ticket.signal.throwIfAborted();
    const waiting: Waiting = {
      ticket,
      bytes: ticket.bytes,
      expectedMs: this.#times.estimate(ticket.costClass),
      since: performance.now(),
      turn: Promise.withResolvers(),
    };
    if (this.#queue.size === 0 && this.#capacity.fits(waiting)) {
      this.#queue.push(ticket, waiting, waiting.expectedMs);
      // This finds the work itself, and lets those who owe time pay for the turn.
      this.#queue.advance();
      this.#letIn({ next: waiting });
    } else {
      this.#refuseIfInVain(waiting);
      await this.#wait(waiting);
    }
    return waiting;
  }

  /** @throws AvatarError `overloaded`, when it would wait in vain */
  #refuseIfInVain({ ticket, expectedMs }: Waiting): void {
    const aheadMs = this.#queue.aheadMs(ticket);
    const waitMs = this.#waitMs(aheadMs);
    // A caller whose turn comes soon did not fill the queue; admit it.
    const isFull = this.#queue.size >= MOST_WAITING && aheadMs >= this.#queue.ms / 2;
    if (isFull) throw this.#refusal('queue_full', waitMs);
    if (isLate(waitMs, expectedMs, ticket.dueAt)) throw this.#refusal('would_be_late', waitMs);
  }

  async #wait(waiting: Waiting): Promise<void> {
    const { ticket, expectedMs, turn } = waiting;
    const { signal } = ticket;
    const giveUp = (): void => {
      this.#queue.remove(ticket, waiting);
      turn.reject(signal.reason);
      // It may have been the one that kept others waiting.
      this.#callNext();
    };
    signal.addEventListener('abort', giveUp, { once: true });
    this.#queue.push(ticket, waiting, expectedMs);
    this.#arrivals.add(waiting);
    this.#callNext();
    try {
      await turn.promise;
    } finally {
      this.#arrivals.delete(waiting);
      signal.removeEventListener('abort', giveUp);
    }
  }

  #leave(waiting: Waiting, tookMs: number): void {
    const { ticket, expectedMs } = waiting;
    this.#capacity.leave(waiting);
    this.#queue.charge(ticket, tookMs - expectedMs);
    this.#times.observe(ticket.costClass, tookMs);
    this.#average.observe(ALL, tookMs);
    this.#callNext();
  }

  #callNext(): void {
    for (let called = this.#next(); called !== undefined; called = this.#next()) {
      const { ticket, turn } = called.next;
      if (isLate(0, this.#times.estimate(ticket.costClass), ticket.dueAt)) {
        this.#queue.remove(ticket, called.next);
        const waitMs = this.#waitMs(this.#queue.aheadMs(ticket));
        turn.reject(this.#refusal('became_late', waitMs));
        continue;
      }
      this.#letIn(called);
      turn.resolve();
    }
  }

  /** Finds the work whose turn it is or, while there are too few bytes for that, work that needs less. */
  #next(): Called | undefined {
    if (!this.#capacity.hasFreeSlot) return undefined;
    const first = this.#queue.advance();
    if (first === undefined) return undefined;
    if (this.#capacity.fits(first)) return { next: first };
    const leftBytes = this.#capacity.bytesBeside(first);
    let looks = MOST_LOOKED_AT;
    for (const other of this.#queue.all()) {
      if (other.bytes <= leftBytes) return { next: other, passed: first };
      looks -= 1;
      if (looks === 0) break;
    }
    return undefined;
  }

  #letIn({ next, passed }: Called): void {
    this.#capacity.enter(next, passed);
    this.#queue.serve(next.ticket, next);
  }

  #waitMs(aheadMs: number): number {
    return (aheadMs + this.#capacity.ms / 2) / this.#slots;
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
