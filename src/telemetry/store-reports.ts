/** What operators hear of the stores of originals. */
import type { Logger } from 'pino';
import type { AvatarError } from '../errors.ts';
import type { ReadResult } from '../originals/tracked.ts';
import type { StoreMetrics } from './store-metrics.ts';

type Store = { readonly name: string };

/** Two stores can have one name: the same bucket at two servers, which a move is from and to. */
export function storeLabel(index: number, { name }: Store): string {
  return `${index + 1} ${name}`;
}

export class StoreReports {
  readonly #labels: ReadonlyMap<Store, string>;
  readonly #logger: Logger;
  readonly #metrics: StoreMetrics;

  /** @param stores in the order they are asked */
  constructor(stores: readonly Store[], logger: Logger, metrics: StoreMetrics) {
    this.#labels = new Map(stores.map((store, index) => [store, storeLabel(index, store)]));
    this.#logger = logger;
    this.#metrics = metrics;
    for (const label of this.#labels.values()) metrics.expectStore(label);
  }

  onRead(store: Store, result: ReadResult): void {
    this.#metrics.read(this.#labelOf(store), result);
  }

  onFallback(store: Store, fault: AvatarError | undefined): void {
    const label = this.#labelOf(store);
    this.#metrics.fallback(label);
    // Of trouble that is known there would be a line for each request.
    if (fault === undefined) return;
    const { code, detail: reason } = fault;
    this.#logger.warn({ store: label, code, reason }, 'a store failed, the next one is asked');
  }

  onTrouble(store: Store, { code, detail: reason }: AvatarError): void {
    const label = this.#labelOf(store);
    this.#metrics.trouble(label, true);
    this.#logger.error({ store: label, code, reason }, 'a store is in trouble, and asked last');
  }

  onRecovery(store: Store): void {
    const label = this.#labelOf(store);
    this.#metrics.trouble(label, false);
    this.#logger.warn({ store: label }, 'a store is well again');
  }

  #labelOf(store: Store): string {
    return this.#labels.get(store) ?? store.name;
  }
}
