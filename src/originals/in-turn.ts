import type { Found } from '../avatar/ports.ts';
import { AvatarError } from '../errors.ts';
import type { OriginalStore, StoreReadOptions } from './store.ts';

/**
 * Reads the first original there is, keys in order, each through all stores in order. For the command line:
 * a store that fails is left out for the rest of this read only, so that the result for one original never
 * depends on others.
 *
 * @param onFallback is told of a store that failed where there are others to ask
 * @returns undefined when every store was asked for every key, and none has any
 * @throws AvatarError as `OriginalStore.read` does; the signal's reason
 */
export async function readInTurn(
  stores: readonly OriginalStore[],
  keys: readonly string[],
  options: StoreReadOptions,
  onFallback: (store: OriginalStore, error: AvatarError) => void = () => undefined,
): Promise<Found> {
  const failures = new Map<OriginalStore, AvatarError>();
  for (const key of keys) {
    for (const store of stores) {
      if (failures.has(store)) continue;
      options.signal.throwIfAborted();
      try {
        const found = await store.read(key, options);
        if (found !== undefined) return found;
      } catch (thrown) {
        options.signal.throwIfAborted();
        const error = AvatarError.from(thrown);
        if (error.isVerdict) throw error;
        failures.set(store, error);
        if (failures.size < stores.length) onFallback(store, error);
      }
    }
  }
  // An original is not missing when a store could not be asked.
  const [firstFailure] = failures.values();
  if (firstFailure !== undefined) throw firstFailure;
  return undefined;
}
