/**
 * Days of a forum's avatars, from browsers through the CDN to instances and S3. A sample of avatars is
 * simulated request by request; caches are as small in proportion.
 *
 * Why that is valid: with independent requests an LRU cache keeps an object for a time that depends on
 * how fast other bytes come in against how many fit. Take every n-th avatar with its requests, and an
 * n-th of each cache: both fall alike, the time stays, and so do hits and misses of each avatar.
 */
import { RECENT_ORIGINALS } from '../src/originals/recent.ts';
import { VARIANT_OVERHEAD_BYTES } from '../src/variants/memory.ts';
import { LruCache } from './cache.ts';
import { type Asked, fill } from './filling.ts';
import { strata, WeightedChoice } from './popularity.ts';
import { type CacheTier, loadOfHour, requestsPerSecond, type Scenario } from './scenario.ts';

/** Events of an hour, in the whole forum. */
export type HourCounts = {
  requests: number;
  edgeMisses: number;
  /** Requests that reach the service. */
  arrivals: number;
  memoryHits: number;
  sharedHits: number;
  /** Served by S3 to the CDN, past the service. */
  bucketHits: number;
  /** GETs at the bucket of variants, by the CDN and by the service, whatever the answer. */
  variantReads: number;
  /** GETs at the bucket of originals, those that were answered "unchanged" included. */
  originalReads: number;
  /** By index into the sizes. */
  renders: number[];
  bytesOut: number;
};

export type Simulation = {
  /** 24 of them: the means of the days that were counted. */
  readonly hours: readonly HourCounts[];
  /** Requests that were really drawn, warm-up included. */
  readonly drawn: number;
  /** Finished variants in the shared store at the end, in bytes. */
  readonly storedBytes: number;
};

export type SimulationOptions = {
  /** Avatars that are simulated; all of them when there are no more. */
  readonly sample: number;
  readonly warmUpHours: number;
  /** Counted; in whole days unless the hours are only added up. */
  readonly hours: number;
  /**
   * How long all of it has been running before: a variant is in the shared store that was asked for in that
   * time, and the caches of the CDN are as full as they get. 0: they are empty.
   */
  readonly runningForDays: number;
  readonly random: () => number;
  /** Told of each request, to do it again with a real service. */
  readonly onRequest?: (avatar: number, upload: number, size: number) => void;
  /** How long originals are at hand; other than the service's own when time runs faster. */
  readonly originalsForSeconds?: number;
};

const HOUR = 3600;
const DAY = 24 * HOUR;

export function simulate(scenario: Scenario, options: SimulationOptions): Simulation {
  const { sample, warmUpHours, random, onRequest, originalsForSeconds } = options;
  const { sizes, instances, regional, edges } = scenario;
  const sampled = strata(scenario.users, scenario.exponent, sample);
  const scale = sampled.length / scenario.users;
  const rate = requestsPerSecond(scenario) * sampled.reduce((sum, { share }) => sum + share, 0);

  const avatars = new WeightedChoice(sampled.map(({ share }) => share));
  const sizeChoice = new WeightedChoice(sizes.map(({ share }) => share));
  const edgeCaches = caches(edges, scale);
  const regionalCaches = caches(regional, scale);
  const sizeAtEdge = (bytes: number): number => (edges.entries === undefined ? bytes : 1);
  const memories = tier(instances.count, instances.memoryBytes * scale, Infinity);
  const recentOriginals = tier(
    instances.count,
    RECENT_ORIGINALS.bytes * scale,
    originalsForSeconds ?? RECENT_ORIGINALS.keepMs / 1000,
  );
  const stored = new Set<number>();
  /** Of each avatar; a new upload is a new address. */
  const uploads = new Uint32Array(sampled.length);
  let storedBytes = 0;
  let drawn = 0;
  let uploaded = 0;
  if (options.runningForDays > 0) fillUp();

  const hours = Array.from({ length: 24 }, () => emptyHour(sizes.length));
  const spare = emptyHour(sizes.length);
  for (let hour = 0; hour < warmUpHours + options.hours; hour += 1) {
    const counts = (hour < warmUpHours ? undefined : hours[hour % 24]) ?? spare;
    uploaded += (scenario.churn * sampled.length) / 24;
    for (; uploaded >= 1; uploaded -= 1) {
      const avatar = Math.floor(random() * sampled.length);
      uploads[avatar] = (uploads[avatar] ?? 0) + 1;
    }
    const load = loadOfHour(hour % 24, scenario.swing);
    const end = (hour + 1) * HOUR;
    for (let now = hour * HOUR; ;) {
      now -= Math.log(1 - random()) / (rate * load);
      if (now >= end) break;
      drawn += 1;
      request(now, counts);
    }
  }
  const events = scale * Math.max(1, options.hours / 24);
  return {
    hours: hours.map((counts) => divided(counts, events)),
    drawn,
    storedBytes: storedBytes / scale,
  };

  function fillUp(): void {
    const perSecond = requestsPerSecond(scenario);
    const uploadsPerSecond = scenario.churn / DAY;
    const asked = sampled.flatMap(({ share }, avatar) => {
      const existsFor =
        uploadsPerSecond === 0 ? Infinity : -Math.log(1 - random()) / uploadsPerSecond;
      return sizes.map(({ share: part, bytes }, size): Asked => {
        const key = keyOf(avatar, 0, size);
        return { key, bytes, perSecond: perSecond * share * part, existsFor };
      });
    });
    const atEdge = asked.map((each) => ({ ...each, bytes: sizeAtEdge(each.bytes) }));
    for (const [of, places, wanted] of [
      [edges, edgeCaches, atEdge],
      [regional, regionalCaches, asked],
    ] as const) {
      const { ttlSeconds } = of;
      const warmUpSeconds = warmUpHours * HOUR;
      fill(places, wanted, { capacity: capacityOf(of) * scale, ttlSeconds, warmUpSeconds, random });
    }
    if (!scenario.sharesVariants) return;
    for (const { key, bytes, perSecond: rate, existsFor } of asked) {
      // The first request of all for a variant came by chance, as all do.
      const askedFor = Math.min(options.runningForDays * DAY, existsFor);
      if (random() >= -Math.expm1(-rate * askedFor)) continue;
      stored.add(key);
      storedBytes += bytes;
    }
  }

  /** 4096 uploads of one avatar do not happen in the days simulated. */
  function keyOf(avatar: number, upload: number, size: number): number {
    return (avatar * 4096 + upload) * sizes.length + size;
  }

  function request(now: number, counts: HourCounts): void {
    const avatar = avatars.draw(random());
    const size = sizeChoice.draw(random());
    // Drawn whether needed or not: what is asked for is the same whatever the caches are.
    const edge = oneOf(edgeCaches, random());
    const place = oneOf(regionalCaches, random());
    const bytes = sizes[size]?.bytes ?? 0;
    const key = keyOf(avatar, uploads[avatar] ?? 0, size);
    onRequest?.(avatar, uploads[avatar] ?? 0, size);
    counts.requests += 1;
    counts.bytesOut += bytes;
    if (edge?.has(key, now) === true) return;
    counts.edgeMisses += 1;
    if (place?.has(key, now) !== true) {
      arrive(key, avatar, size, bytes, now, counts);
      place?.add(key, bytes, now);
    }
    edge?.add(key, sizeAtEdge(bytes), now);
  }

  function arrive(
    key: number,
    avatar: number,
    size: number,
    bytes: number,
    now: number,
    counts: HourCounts,
  ): void {
    if (scenario.bucketFirst) {
      counts.variantReads += 1;
      if (stored.has(key)) {
        counts.bucketHits += 1;
        return;
      }
    }
    counts.arrivals += 1;
    // By consistent hashing on the avatar.
    const instance = avatar % instances.count;
    const memory = memories[instance];
    if (memory?.has(key, now) === true) {
      counts.memoryHits += 1;
      return;
    }
    memory?.add(key, bytes + VARIANT_OVERHEAD_BYTES, now);
    const originals = recentOriginals[instance];
    const original = avatar * 4096 + (uploads[avatar] ?? 0);
    const isAtHand = originals?.has(original, now) === true;
    // A copy from the shared store is verified with the original it was made of.
    if (!isAtHand) counts.originalReads += 1;
    if (scenario.sharesVariants) {
      counts.variantReads += 1;
      if (stored.has(key)) {
        counts.sharedHits += 1;
        return;
      }
      stored.add(key);
      storedBytes += bytes;
    }
    if (!isAtHand) originals?.add(original, scenario.originalBytes, now);
    counts.renders[size] = (counts.renders[size] ?? 0) + 1;
  }
}

function caches(of: CacheTier, scale: number): LruCache[] {
  return tier(of.places, capacityOf(of) * scale, of.ttlSeconds);
}

function capacityOf({ entries, bytes }: CacheTier): number {
  return entries ?? bytes;
}

function tier(places: number, bytes: number, ttlSeconds: number): LruCache[] {
  return Array.from({ length: places }, () => new LruCache(bytes, ttlSeconds));
}

function oneOf(caches: readonly LruCache[], random: number): LruCache | undefined {
  return caches[Math.floor(random * caches.length)];
}

function emptyHour(sizes: number): HourCounts {
  return {
    requests: 0,
    edgeMisses: 0,
    arrivals: 0,
    memoryHits: 0,
    sharedHits: 0,
    bucketHits: 0,
    variantReads: 0,
    originalReads: 0,
    renders: Array.from({ length: sizes }, () => 0),
    bytesOut: 0,
  };
}

function divided(counts: HourCounts, by: number): HourCounts {
  return {
    requests: counts.requests / by,
    edgeMisses: counts.edgeMisses / by,
    arrivals: counts.arrivals / by,
    memoryHits: counts.memoryHits / by,
    sharedHits: counts.sharedHits / by,
    bucketHits: counts.bucketHits / by,
    variantReads: counts.variantReads / by,
    originalReads: counts.originalReads / by,
    renders: counts.renders.map((count) => count / by),
    bytesOut: counts.bytesOut / by,
  };
}
