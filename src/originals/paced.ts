import type { OriginalStore } from '../avatar/ports.ts';
import type { Pace } from '../flow/pace.ts';

/** A store that is asked no faster than the pace, which several may share. */
export function pacedStore(store: OriginalStore, pace: Pace): OriginalStore {
  return {
    name: store.name,
    async read(key, options) {
      await pace.turn(options.signal);
      return await store.read(key, options);
    },
    probe: (signal) => store.probe(signal),
    close: () => store.close(),
  };
}
