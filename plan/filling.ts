/**
 * Caches as they are after years, without simulating the years. What few ask for comes into a large cache
 * over months: begun with empty ones, a simulation of days counts them as misses that they no longer are.
 */
import type { LruCache } from './cache.ts';

export type Asked = {
  readonly key: number;
  /** What it takes of a cache. */
  readonly bytes: number;
  /** How often it is asked for, a second, at all places together. */
  readonly perSecond: number;
  /** How long there has been such an address, in seconds. */
  readonly existsFor: number;
};

type Filling = {
  /** Of each place, as the caches have it. */
  readonly capacity: number;
  readonly ttlSeconds: number;
  /** What will be simulated before anything is counted: caches that are full by then are left to that. */
  readonly warmUpSeconds: number;
  readonly random: () => number;
};

/**
 * The state of an LRU cache when requests are independent: everything in the order in which it was asked
 * for last, as much as fits. Of what expires a time after it came, those that have are missing.
 * @param caches places that share the requests
 */
export function fill(
  caches: readonly LruCache[],
  asked: readonly Asked[],
  { capacity, ttlSeconds, warmUpSeconds, random }: Filling,
): void {
  if (caches.length === 0) return;
  const longestAgo = ageThatFits(asked, capacity, caches.length, warmUpSeconds);
  if (longestAgo <= warmUpSeconds) return;
  // What is thrown out before it can expire comes anew, and with all of its time, when it is asked for.
  const expires = ttlSeconds < longestAgo;
  for (const cache of caches) {
    const held: { readonly age: number; readonly each: Asked }[] = [];
    for (const each of asked) {
      const rate = each.perSecond / caches.length;
      const age = -Math.log(1 - random()) / rate;
      if (age > Math.min(longestAgo, each.existsFor)) continue;
      // It comes when it is asked for, stays for its time, and is away until it is asked for again.
      const isAway = expires && random() * (1 + rate * ttlSeconds) >= rate * ttlSeconds;
      if (!isAway) held.push({ age, each });
    }
    held.sort((one, other) => other.age - one.age);
    for (const { age, each } of held) {
      cache.add(each.key, each.bytes, expires ? (random() - 1) * ttlSeconds : -age);
    }
  }
}

/**
 * What was asked for longer ago would be thrown out again.
 * @returns some more than that, `least` or more
 */
function ageThatFits(
  asked: readonly Asked[],
  capacity: number,
  places: number,
  least: number,
): number {
  const bytesSince = (age: number): number =>
    asked.reduce(
      (sum, { bytes, perSecond }) => sum - bytes * Math.expm1((-perSecond / places) * age),
      0,
    );
  const enough = capacity * MARGIN;
  if (bytesSince(least) >= enough) return least;
  if (bytesSince(Infinity) <= enough) return Infinity;
  let [low, high] = [least, least * 2];
  while (bytesSince(high) < enough) [low, high] = [high, high * 2];
  // To a hundredth: there is a margin.
  while (high - low > high / 100) {
    const middle = (low + high) / 2;
    if (bytesSince(middle) < enough) low = middle;
    else high = middle;
  }
  return high;
}

const MARGIN = 1.3;
