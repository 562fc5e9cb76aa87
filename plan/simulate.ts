/**
 * Days of a forum's avatars, from browsers through the CDN to instances and S3. A sample of avatars is
 * simulated request by request; caches are as small in proportion.
 *
 * Why that is valid: with independent requests an LRU cache keeps an object for a time that depends on
 * how fast other bytes come in against how many fit. Take every n-th avatar with its requests, and an
 * n-th of each cache: both fall alike, the time stays, and so do hits and misses of each avatar.
 */
import { LruCache } from './cache.ts';
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
  /** How long the shared store has been filling before: a variant is in it that was asked for in that time. */
  readonly storedForDays: number;
  readonly random: () => number;
  /** Told of each request, to do it again with a real service. */
  readonly onRequest?: (avatar: number, upload: number, size: number) => void;
  /** How long originals are at hand; other than the service's own when time runs faster. */
  readonly originalsForSeconds?: number;
};

/**
 * As many avatars as it takes for the smallest cache to hold a hundred pictures when it is as
 * small in proportion, and as much time before the count as fills the caches.
 */
export function samplingOf(
  scenario: Scenario,
): Pick<SimulationOptions, 'sample' | 'warmUpHours' | 'hours' | 'storedForDays'> {
  const { users, sizes, edges, instances } = scenario;
  const picture = sizes.reduce((sum, { share, bytes }) => sum + share * bytes, 0);
  const smallest = Math.min(edges.bytes, instances.memoryBytes * instances.count);
  const needed = Math.ceil((users * PICTURES_AT_LEAST * picture) / smallest);
  const sample = Math.min(users, Math.max(AVATARS_AT_LEAST, needed));
  const drawsADay = (requestsPerSecond(scenario) * 24 * HOUR * sample) / users;
  const days = Math.min(30, Math.max(1, Math.floor(DRAWS / drawsADay)));
  return { sample, warmUpHours: days * 24, hours: 24, storedForDays: 180 };
}

const PICTURES_AT_LEAST = 100;
const AVATARS_AT_LEAST = 10_000;
/** Some seconds of simulation. */
const DRAWS = 1e6;

const HOUR = 3600;
/** What a variant in memory costs besides its bytes: see src/variants/memory.ts. */
const VARIANT_OVERHEAD_BYTES = 1024;
/** What the service keeps of originals for the other sizes: see src/app.ts and src/originals/shared.ts. */
const RECENT_ORIGINALS = { bytes: 32 * 1024 * 1024, ttlSeconds: 15 };

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
    originalsForSeconds ?? RECENT_ORIGINALS.ttlSeconds,
  );
  const stored = new Set<number>();
  /** Of each avatar; a new upload is a new address. */
  const uploads = new Uint32Array(sampled.length);
  let storedBytes = 0;
  let drawn = 0;
  let uploaded = 0;
  if (scenario.sharesVariants) fillStore();

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

  /** The first request of all for a variant came by chance, as all do. */
  function fillStore(): void {
    const total = requestsPerSecond(scenario) * options.storedForDays * 24 * HOUR;
    for (const [avatar, { share }] of sampled.entries()) {
      for (const [size, { share: part, bytes }] of sizes.entries()) {
        if (random() < -Math.expm1(-total * share * part)) {
          stored.add(avatar * 4096 * sizes.length + size);
          storedBytes += bytes;
        }
      }
    }
  }

  function request(now: number, counts: HourCounts): void {
    const avatar = avatars.draw(random());
    const size = sizeChoice.draw(random());
    // Drawn whether needed or not: what is asked for is the same whatever the caches are.
    const edge = oneOf(edgeCaches, random());
    const place = oneOf(regionalCaches, random());
    const bytes = sizes[size]?.bytes ?? 0;
    // Unique by upload and size; 4096 uploads of one avatar do not happen in the days simulated.
    const key = (avatar * 4096 + (uploads[avatar] ?? 0)) * sizes.length + size;
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

function caches({ places, bytes, entries, ttlSeconds }: CacheTier, scale: number): LruCache[] {
  return tier(places, (entries ?? bytes) * scale, ttlSeconds);
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
