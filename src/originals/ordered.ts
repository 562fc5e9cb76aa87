import type { Found, ReadOptions } from '../avatar/ports.ts';
import { AvatarError } from '../errors.ts';
import { Underway } from '../flow/underway.ts';
import type { OriginalStore, StoreReadOptions } from './store.ts';
import { type StoreEvents, TrackedStore } from './tracked.ts';

export type OrderedSettings = {
  /** How long one store is waited for before another one is asked. */
  readonly patienceMs: number;
  readonly events: StoreEvents;
};

type OrderedReadOptions = StoreReadOptions & Pick<ReadOptions, 'patienceMs'>;

/**
 * Several stores as one: the first original there is, keys in order, each through all stores in order.
 *
 * A store that fails is passed over for the rest of the read. One that is slow, or known to be in
 * trouble, is left for the end: nobody whose original is elsewhere waits for its time-outs. A caller with
 * a patience of its own waits for no slow store twice. If no store has the original, the first failure is
 * thrown: an original is not missing when a store could not be asked. A verdict on an original that was found
 * (`original_too_large`) is final.
 */
export class OrderedStores {
  /** The reads of all of them. */
  readonly underway = new Underway();
  readonly #stores: readonly TrackedStore[];
  readonly #settings: OrderedSettings;

  constructor(stores: readonly OriginalStore[], settings: OrderedSettings) {
    this.#stores = stores.map((store) => new TrackedStore(store, settings.events, this.underway));
    this.#settings = settings;
  }

  /**
   * @returns undefined when every store was asked for every key, and none has any
   * @throws AvatarError as `OriginalStore.read` does; the signal's reason
   */
  async read(keys: readonly string[], options: OrderedReadOptions): Promise<Found> {
    const round = new Round(this.#stores, this.#settings);
    return await round.read(keys, options);
  }

  /**
   * Resolves while at least one store can be reached within that time: what is there is served.
   * @throws AvatarError what is wrong with the first one
   */
  async probe(withinMs: number): Promise<void> {
    try {
      await Promise.any(this.#stores.map((store) => store.probe(withinMs)));
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error;
    }
  }

  close(): void {
    for (const store of this.#stores) store.close();
  }
}

type Candidates = Set<TrackedStore>;

/** One read, through all stores. */
class Round {
  readonly #stores: readonly TrackedStore[];
  readonly #settings: OrderedSettings;
  readonly #failures = new Map<TrackedStore, AvatarError>();

  constructor(stores: readonly TrackedStore[], settings: OrderedSettings) {
    this.#stores = stores;
    this.#settings = settings;
  }

  async read(keys: readonly string[], options: OrderedReadOptions): Promise<Found> {
    const { events } = this.#settings;
    const [firstKey = ''] = keys;
    const first: Candidates = new Set();
    const last: Candidates = new Set();
    for (const store of this.#stores) {
      (store.isInTrouble ? last : first).add(store);
      if (store.isInTrouble) store.tryOnTheSide(firstKey);
    }
    if (first.size > 0) for (const { store } of last) events.onFallback(store, undefined);
    const giveUp = (store: TrackedStore, fault: AvatarError): unknown =>
      this.#failures.set(store, fault);
    const isInHaste = options.patienceMs !== undefined;
    const found =
      (await this.#ask(first, keys, options, isInHaste ? giveUp : (store) => last.add(store))) ??
      (await this.#ask(last, keys, options, giveUp));
    if (found !== undefined) return found;
    const [firstFailure] = this.#failures.values();
    if (firstFailure !== undefined) throw firstFailure;
    return undefined;
  }

  /** @param candidates loses each store that fails or is slow */
  async #ask(
    candidates: Candidates,
    keys: readonly string[],
    options: OrderedReadOptions,
    onSlow: (store: TrackedStore, fault: AvatarError) => void,
  ): Promise<Found> {
    for (const key of keys) {
      for (const store of this.#stores) {
        if (!candidates.has(store)) continue;
        options.signal.throwIfAborted();
        const hasOthers = candidates.size > 1;
        const answer = await this.#askOne(store, key, options, hasOthers);
        if (!(answer instanceof AvatarError)) {
          if (answer !== undefined) return answer;
          continue;
        }
        candidates.delete(store);
        if (hasOthers) this.#settings.events.onFallback(store.store, answer);
        if (hasOthers && answer.code === 'originals_timeout') onSlow(store, answer);
        else this.#failures.set(store, answer);
      }
    }
    return undefined;
  }

  /** @returns what is wrong with the store, unless it answers */
  async #askOne(
    store: TrackedStore,
    key: string,
    options: OrderedReadOptions,
    hasOthers: boolean,
  ): Promise<Found | AvatarError> {
    const { patienceMs = hasOthers ? this.#settings.patienceMs : undefined } = options;
    try {
      return await store.read(key, options, patienceMs);
    } catch (thrown) {
      options.signal.throwIfAborted();
      const error = AvatarError.from(thrown);
      if (error.isVerdict) throw error;
      return error;
    }
  }
}
