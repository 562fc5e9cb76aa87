import type { AvatarError } from '../../src/errors.ts';
import { OrderedStores } from '../../src/originals/ordered.ts';
import type { OriginalStore } from '../../src/originals/store.ts';
import type { StoreEvents } from '../../src/originals/tracked.ts';

/** What an operator would be told, in order. */
export class Recording implements StoreEvents {
  readonly reads: [store: string, result: string][] = [];
  readonly fallbacks: [store: string, code: string | undefined][] = [];
  readonly changes: [store: string, now: 'in trouble' | 'well'][] = [];

  onRead({ name }: OriginalStore, result: string): void {
    this.reads.push([name, result]);
  }

  onFallback({ name }: OriginalStore, fault: AvatarError | undefined): void {
    this.fallbacks.push([name, fault?.code]);
  }

  onTrouble({ name }: OriginalStore): void {
    this.changes.push([name, 'in trouble']);
  }

  onRecovery({ name }: OriginalStore): void {
    this.changes.push([name, 'well']);
  }

  /** How often a store was read, with this result or any. */
  count({ name }: OriginalStore, result?: string): number {
    return this.reads.filter(([store, of]) => store === name && of === (result ?? of)).length;
  }
}

export function ordered(
  stores: readonly OriginalStore[],
  events: StoreEvents = new Recording(),
  patienceMs = 10_000,
): OrderedStores {
  return new OrderedStores(stores, { patienceMs, events });
}
