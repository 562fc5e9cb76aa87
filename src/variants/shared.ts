import type { SharedUse, SharedVariant, SharedVariants, StoredVariant } from '../avatar/ports.ts';
import { AvatarError } from '../errors.ts';
import { CircuitBreaker } from '../flow/circuit-breaker.ts';
import { Deadline } from '../flow/deadline.ts';
import type { Turn } from '../flow/fair-queue.ts';
import { FairSemaphore } from '../flow/fair-semaphore.ts';
import { WriteBehind } from '../flow/write-behind.ts';
import type { VariantStore } from './store.ts';

/**
 * How a look-up ended: `hit`, `unverified` and `stale` as the pipeline says; nothing there; something of no
 * use there; the store failed; the store was not asked, because it rests or because too many ask.
 */
export type SharedResult = SharedUse | 'miss' | 'unusable' | 'failed' | 'skipped';

/** How a write ended: `conflict` when another instance was first, `dropped` when too many waited. */
export type SharedWriteResult = 'stored' | 'conflict' | 'failed' | 'dropped';

type SharedStoreSettings = {
  /** How many reads run at once. */
  readonly reads: number;
  /** A store that takes longer is as good as none. */
  readonly readWithinMs: number;
  readonly onResult: (result: SharedResult) => void;
  readonly onWrite: (result: SharedWriteResult) => void;
  readonly onTrouble: (error: AvatarError) => void;
};

type Writing = {
  readonly bytes: number;
  readonly key: string;
  readonly variant: SharedVariant;
  readonly instead: string | undefined;
};

/** After three failures in a row, one read every ten seconds tries whether the store is well again. */
const PATIENCE = { failures: 3, restMs: 10_000 };
/** Room for some seconds' worth of renders. */
const QUEUE = { slots: 8, most: 1000, mostBytes: 32 * 1024 * 1024 };
const WRITE_WITHIN_MS = 10_000;

/** Keeps the bucket's delays and failures from requests. */
export class SharedVariantStore implements SharedVariants {
  readonly #store: VariantStore;
  readonly #settings: SharedStoreSettings;
  readonly #reads: FairSemaphore;
  readonly #breaker = new CircuitBreaker(PATIENCE);
  readonly #writes: WriteBehind<Writing>;

  constructor(store: VariantStore, settings: SharedStoreSettings) {
    this.#store = store;
    this.#settings = settings;
    this.#reads = new FairSemaphore('reads of variants', settings.reads);
    this.#writes = new WriteBehind(QUEUE, (writing, signal) => this.#write(writing, signal));
  }

  /** Variants that wait to be written. */
  get waiting(): number {
    return this.#writes.size;
  }

  async read(key: string, turn: Turn, signal: AbortSignal): Promise<StoredVariant | undefined> {
    const { readWithinMs, onResult, onTrouble } = this.#settings;
    if (!this.#breaker.allows()) {
      onResult('skipped');
      return undefined;
    }
    using deadline = new Deadline(readWithinMs, signal);
    let isAsked = false;
    try {
      using _slot = await this.#reads.acquire(turn, 1, deadline.signal);
      isAsked = true;
      const stored = await this.#store.read(key, deadline.signal);
      this.#breaker.succeeded();
      if (stored === undefined) onResult('miss');
      else if (stored.variant === undefined) onResult('unusable');
      return stored;
    } catch (error) {
      signal.throwIfAborted();
      onResult(isAsked ? 'failed' : 'skipped');
      if (isAsked) {
        this.#breaker.failed();
        onTrouble(AvatarError.from(error));
      }
      return undefined;
    }
  }

  keep(key: string, variant: SharedVariant, instead: string | undefined): void {
    const bytes = variant.bytes.byteLength;
    if (!this.#writes.add({ bytes, key, variant, instead })) this.#settings.onWrite('dropped');
  }

  used(use: SharedUse): void {
    this.#settings.onResult(use);
  }

  /**
   * Writes what waits, for as long as that.
   * @returns how many were not written
   */
  async close(withinMs: number): Promise<number> {
    const dropped = await this.#writes.close(withinMs);
    this.#store.close();
    return dropped;
  }

  async #write({ key, variant, instead }: Writing, stop: AbortSignal): Promise<void> {
    const { onWrite, onTrouble } = this.#settings;
    using deadline = new Deadline(WRITE_WITHIN_MS, stop);
    try {
      onWrite(await this.#store.put(key, variant, { instead, signal: deadline.signal }));
    } catch (error) {
      onWrite('failed');
      onTrouble(AvatarError.from(error));
    }
  }
}
