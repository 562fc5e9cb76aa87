/** Caches as the simulation needs them: what is in them, not the bytes. */

/** Least recently used goes first, by size; what is older than it may be counts as not there. */
export class LruCache {
  readonly #entries = new Map<number, { readonly bytes: number; readonly until: number }>();
  readonly #capacity: number;
  readonly #ttl: number;
  #bytes = 0;

  constructor(capacity: number, ttl = Infinity) {
    this.#capacity = capacity;
    this.#ttl = ttl;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#entries.size;
  }

  has(key: number, now: number): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    if (entry.until < now) {
      this.#bytes -= entry.bytes;
      return false;
    }
    this.#entries.set(key, entry);
    return true;
  }

  add(key: number, bytes: number, now: number): void {
    if (bytes > this.#capacity) return;
    const old = this.#entries.get(key);
    if (old !== undefined) this.#bytes -= old.bytes;
    this.#entries.delete(key);
    this.#entries.set(key, { bytes, until: now + this.#ttl });
    this.#bytes += bytes;
    for (const [eldest, entry] of this.#entries) {
      if (this.#bytes <= this.#capacity) return;
      this.#entries.delete(eldest);
      this.#bytes -= entry.bytes;
    }
  }
}

/**
 * What an LRU cache hits when requests are independent, after Che, Tung and Wang: an entry stays for the
 * time in which as much as fits is asked for. What the simulation is tested against.
 * @param shares of all requests, by object; each of size 1
 */
export function cheHitRatio(shares: readonly number[], capacity: number): number {
  if (capacity >= shares.length) return 1;
  const inCache = (time: number): number =>
    shares.reduce((sum, share) => sum - Math.expm1(-share * time), 0);
  let [low, high] = [0, 1];
  while (inCache(high) < capacity) high *= 2;
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (inCache(middle) < capacity) low = middle;
    else high = middle;
  }
  return shares.reduce((sum, share) => sum - share * Math.expm1(-share * high), 0);
}

/** How often something asked for at random times, so often a second, is there when it holds for a time. */
export function ttlHitRatio(ratePerSecond: number, ttlSeconds: number): number {
  return (ratePerSecond * ttlSeconds) / (1 + ratePerSecond * ttlSeconds);
}
