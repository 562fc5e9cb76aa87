import type { RateLimiter } from '../flow/rate-limiter.ts';
import type { OriginalStore } from './store.ts';

/** A store that is asked no faster than the limiter allows, which several may share. */
export function rateLimitedStore(store: OriginalStore, limiter: RateLimiter): OriginalStore {
  return {
    name: store.name,
    async read(key, options) {
      await limiter.acquire(options.signal);
      return await store.read(key, options);
    },
    probe: (signal) => store.probe(signal),
    close: () => store.close(),
  };
}
