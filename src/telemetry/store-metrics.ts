/** What operators are told of the stores: of originals, and of the variants that instances share. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { FAULT_CODES } from '../errors.ts';
import type { ReadResult } from '../originals/tracked.ts';
import type { SharedResult, SharedWriteResult } from '../variants/shared.ts';
import type { OriginalFormat } from '../vocabulary/formats.ts';
import { readGauge } from './instruments.ts';

/** What a store may say, or be. */
const READ_RESULTS: readonly ReadResult[] = [
  'read',
  'unchanged',
  'missing',
  'abandoned',
  'original_too_large',
  'internal',
  ...FAULT_CODES.filter((code) => code.startsWith('originals_')),
];

const SHARED_RESULTS: readonly SharedResult[] = [
  'hit',
  'unverified',
  'stale',
  'miss',
  'unusable',
  'failed',
  'skipped',
];
const SHARED_WRITE_RESULTS: readonly SharedWriteResult[] = [
  'stored',
  'conflict',
  'failed',
  'dropped',
];

/** Of an original, as its bytes tell. */
export type StoredFormat = OriginalFormat | 'other';

const STORED_FORMATS: readonly StoredFormat[] = ['jpeg', 'png', 'webp', 'gif', 'avif', 'other'];

export class StoreMetrics {
  readonly #reads: Counter<'store' | 'result'>;
  readonly #readBytes: Counter<'format'>;
  readonly #fallbacks: Counter<'store'>;
  readonly #trouble: Gauge<'store'>;
  readonly #hedges: Counter<'store' | 'first'>;
  readonly #sharedVariants: Counter<'result'>;
  readonly #sharedWrites: Counter<'result'>;
  #sharedWritesWaiting = (): number => 0;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#reads = new Counter({
      name: 'avatar_original_reads_total',
      help: 'Reads of originals that reached a store, by store and result',
      labelNames: ['store', 'result'],
      registers,
    });
    this.#readBytes = new Counter({
      name: 'avatar_original_bytes_total',
      help: 'Bytes of originals read, by what they are',
      labelNames: ['format'],
      registers,
    });
    this.#fallbacks = new Counter({
      name: 'avatar_original_fallbacks_total',
      help: 'Reads that went to other stores because this one was in trouble',
      labelNames: ['store'],
      registers,
    });
    this.#trouble = new Gauge({
      name: 'avatar_original_store_in_trouble',
      help: 'Whether (1) a store is taken to be broken, and asked last',
      labelNames: ['store'],
      registers,
    });
    this.#hedges = new Counter({
      name: 'avatar_original_hedges_total',
      help: 'Slow reads that were begun a second time, by which of the two was first',
      labelNames: ['store', 'first'],
      registers,
    });
    this.#sharedVariants = new Counter({
      name: 'avatar_shared_variants_total',
      help: 'Look-ups in the store of variants, by result',
      labelNames: ['result'],
      registers,
    });
    this.#sharedWrites = new Counter({
      name: 'avatar_shared_variant_writes_total',
      help: 'Variants for that store, by what became of them',
      labelNames: ['result'],
      registers,
    });
    readGauge(registry, {
      name: 'avatar_shared_variant_writes_waiting',
      help: 'Variants that wait to be written to the store',
      read: () => this.#sharedWritesWaiting(),
    });
    for (const result of SHARED_RESULTS) this.#sharedVariants.inc({ result }, 0);
    for (const result of SHARED_WRITE_RESULTS) this.#sharedWrites.inc({ result }, 0);
    for (const format of STORED_FORMATS) this.#readBytes.inc({ format }, 0);
  }

  /** A store there is, of which nothing has been heard yet. */
  expectStore(store: string): void {
    this.#trouble.set({ store }, 0);
    this.#fallbacks.inc({ store }, 0);
    for (const first of ['original', 'hedge']) this.#hedges.inc({ store, first }, 0);
    for (const result of READ_RESULTS) this.#reads.inc({ store, result }, 0);
  }

  read(store: string, result: ReadResult): void {
    this.#reads.inc({ store, result });
  }

  fallback(store: string): void {
    this.#fallbacks.inc({ store });
  }

  trouble(store: string, isInTrouble: boolean): void {
    this.#trouble.set({ store }, isInTrouble ? 1 : 0);
  }

  hedge(store: string, first: 'original' | 'hedge'): void {
    this.#hedges.inc({ store, first });
  }

  sharedVariant(result: SharedResult): void {
    this.#sharedVariants.inc({ result });
  }

  sharedWrite(result: SharedWriteResult): void {
    this.#sharedWrites.inc({ result });
  }

  /** @param format as the bytes themselves tell it */
  readOriginal(format: StoredFormat, bytes: number): void {
    this.#readBytes.inc({ format }, bytes);
  }

  /** @param waiting how many variants wait to be written */
  watchSharedWrites(waiting: () => number): void {
    this.#sharedWritesWaiting = waiting;
  }
}
