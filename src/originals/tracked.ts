import type { Found } from '../avatar/ports.ts';
import { AvatarError, type FaultCode } from '../errors.ts';
import type { Underway } from '../flow/underway.ts';
import { IdleTimeout } from './idle-timeout.ts';
import type { OriginalStore, StoreReadOptions } from './store.ts';

/** How a read of a store ends: with the original or without, called off, or failed. */
export type ReadResult = 'read' | 'unchanged' | 'missing' | 'abandoned' | FaultCode;

/** What an operator hears of stores. */
export type StoreEvents = {
  /** A read of a store has ended. */
  onRead(store: OriginalStore, result: ReadResult): void;
  /**
   * A store is passed over for another one.
   * @param fault the store's failure; undefined for a store that is known to be in trouble
   */
  onFallback(store: OriginalStore, fault: AvatarError | undefined): void;
  /** A store is taken to be broken from now on. */
  onTrouble(store: OriginalStore, fault: AvatarError): void;
  /** It has answered again. */
  onRecovery(store: OriginalStore): void;
};

/** Fewer failures in a row can be single objects that may not be read, or one server of many. */
const FAILURES_OF_TROUBLE = 4;
/** How many reads a broken store may keep waiting at once: the slots are for the other stores. */
const READS_IN_TROUBLE = 4;
/** A read that the deadline ended after less time may only have waited for its turn. */
const SUSPICIOUS_MS = 2000;
/**
 * Healing is noticed within the sum of these, whatever hangs on connections that are dead: a trial
 * that meets one is the last to do so, for the idle ones are closed then (`s3/http-handler.ts`).
 */
const TRIAL_EVERY_MS = 1000;
const TRIAL_TIMEOUT_MS = 2000;

/**
 * A store, and how it has fared lately. After several failures in a row it is in trouble: few may read
 * from it at a time, and now and then it is tried on the side, until it answers.
 */
export class TrackedStore {
  readonly store: OriginalStore;
  readonly #events: StoreEvents;
  readonly #underway: Underway;
  readonly #closing = new AbortController();
  #failures = 0;
  #lastFault: AvatarError | undefined;
  #reading = 0;
  #isOnTrial = false;
  #nextTrialAt = 0;

  /** @param underway is told of each read: a store that heeds no signal would keep its slot for ever */
  constructor(store: OriginalStore, events: StoreEvents, underway: Underway) {
    this.store = store;
    this.#events = events;
    this.#underway = underway;
  }

  get isInTrouble(): boolean {
    return this.#failures >= FAILURES_OF_TROUBLE;
  }

  /**
   * @param patienceMs how long the answer is waited for, where it is not all that is left
   * @throws AvatarError as `OriginalStore.read` does, `originals_timeout` when patience ends, or what
   * it threw last, but for a refusal, when it is in trouble and enough are waiting for it; the signal's reason
   */
  async read(
    key: string,
    options: StoreReadOptions,
    patienceMs: number | undefined,
  ): Promise<Found> {
    if (this.isInTrouble && this.#reading >= READS_IN_TROUBLE) throw this.#knownFault();
    this.#reading += 1;
    try {
      return await this.#read(key, options, patienceMs);
    } finally {
      this.#reading -= 1;
    }
  }

  /** Reads this key on the side when that is due, to see whether the trouble is over. */
  tryOnTheSide(key: string): void {
    const now = performance.now();
    if (!this.isInTrouble || this.#isOnTrial || now < this.#nextTrialAt) return;
    this.#isOnTrial = true;
    this.#nextTrialAt = now + TRIAL_EVERY_MS;
    const signal = AbortSignal.any([AbortSignal.timeout(TRIAL_TIMEOUT_MS), this.#closing.signal]);
    this.#read(key, { signal }, undefined)
      // No request waits for it: only `#read` takes note of how it went.
      .catch(() => undefined)
      .finally(() => {
        this.#isOnTrial = false;
      });
  }

  /** @throws AvatarError as `OriginalStore.probe` does, `originals_timeout` when that time is over */
  async probe(withinMs: number): Promise<void> {
    const signal = AbortSignal.timeout(withinMs);
    try {
      await this.store.probe(signal);
    } catch (thrown) {
      throw signal.aborted ? this.#silence(withinMs) : thrown;
    }
  }

  close(): void {
    this.#closing.abort();
    this.store.close();
  }

  async #read(
    key: string,
    { signal: asker, ifNoneMatch, claim }: StoreReadOptions,
    patienceMs: number | undefined,
  ): Promise<Found> {
    using idle = new IdleTimeout(asker, patienceMs, (ms) => this.#silence(ms));
    const { signal } = idle;
    const options = {
      signal,
      ifNoneMatch,
      claim: claim && ((bytes, by) => idle.interrupted(claim(bytes, by))),
    } satisfies StoreReadOptions;
    try {
      const found = await this.#underway.track(this.store.read(key, options), signal);
      this.#succeed(resultOf(found));
      return found;
    } catch (thrown) {
      const error = AvatarError.from(thrown);
      if (signal.aborted) this.#judgeSilence(error, idle.ms);
      // A verdict on an object is an answer.
      else if (error.isVerdict) this.#succeed(error.code);
      else this.#fail(error);
      throw thrown;
    }
  }

  /** The read was given up for this reason, after the store had been silent for so long. */
  #judgeSilence(reason: AvatarError, afterMs: number): void {
    if (reason.code === 'originals_timeout') {
      this.#fail(reason);
    } else if (reason.code === 'deadline_passed' && afterMs > SUSPICIOUS_MS) {
      this.#fail(this.#silence(afterMs));
    } else {
      this.#events.onRead(this.store, 'abandoned');
    }
  }

  #silence(ms: number): AvatarError {
    return new AvatarError('originals_timeout', {
      detail: `${this.store.name}: no answer within ${Math.round(ms)} ms: check the network (firewall, security group), its address, and how the store is`,
    });
  }

  #succeed(result: ReadResult): void {
    this.#events.onRead(this.store, result);
    const wasInTrouble = this.isInTrouble;
    this.#failures = 0;
    this.#lastFault = undefined;
    if (wasInTrouble) this.#events.onRecovery(this.store);
  }

  #fail(fault: AvatarError): void {
    this.#events.onRead(this.store, fault.code);
    const wasInTrouble = this.isInTrouble;
    this.#failures += 1;
    this.#lastFault = fault;
    if (!wasInTrouble && this.isInTrouble) this.#events.onTrouble(this.store, fault);
  }

  #knownFault(): AvatarError {
    const fault = this.#lastFault;
    const code = fault?.code ?? 'originals_unavailable';
    // A refusal may have been of that one object, and stand-ins are shown for refusals.
    return new AvatarError(code === 'originals_access_denied' ? 'originals_unavailable' : code, {
      detail: `not asked, because of trouble: ${fault?.detail ?? this.store.name}`,
      ...(fault?.retryAfterSeconds !== undefined && { retryAfterSeconds: fault.retryAfterSeconds }),
    });
  }
}

function resultOf(found: Found): ReadResult {
  if (found === undefined) return 'missing';
  return found === 'unchanged' ? 'unchanged' : 'read';
}
