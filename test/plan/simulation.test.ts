/** The parts of the simulation against what is known of them without it. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../bench/support/pictures.ts';
import { cheHitRatio, LruCache, ttlHitRatio } from '../../plan/cache.ts';
import { readPrices, readTimes, scenarioOf } from '../../plan/inputs.ts';
import type { Plan } from '../../plan/plan.ts';
import { strata, WeightedChoice, zipfMass } from '../../plan/popularity.ts';
import { DEFAULTS, loadOfHour, requestsPerSecond, type Scenario } from '../../plan/scenario.ts';
import { settledPlan } from '../../plan/settle.ts';
import { type Simulation, simulate } from '../../plan/simulate.ts';

const NONE = { places: 0, bytes: 0, ttlSeconds: 0 };
const ONE_SIZE = [{ size: 48, share: 1, bytes: 1 }];

describe('popularity', () => {
  it.each([0.7, 0.9, 1, 1.2])('sums the law of Zipf with exponent %d', (exponent) => {
    const exact = Array.from({ length: 100_000 }, (_, index) => (index + 1) ** -exponent);
    const sumTo = (to: number): number => exact.slice(0, to).reduce((sum, each) => sum + each, 0);
    for (const to of [1, 50, 1000, 100_000]) {
      expect(zipfMass(1, to, exponent) / sumTo(to)).toBeCloseTo(1, 6);
    }
    expect(zipfMass(101, 1000, exponent)).toBeCloseTo(sumTo(1000) - sumTo(100), 6);
  });

  it.each([1000, 999, 17])('loses no avatar and no view in %d strata', (count) => {
    const all = strata(123_456, 0.9, count);
    expect(all.reduce((sum, { avatars }) => sum + avatars, 0)).toBe(123_456);
    expect(all.reduce((sum, { avatars, share }) => sum + avatars * share, 0)).toBeCloseTo(1, 6);
  });

  it('draws in proportion', () => {
    const choice = new WeightedChoice([5, 1, 3, 1]);
    const random = seededRandom(1);
    const drawn = [0, 0, 0, 0];
    for (let times = 0; times < 100_000; times += 1) {
      const index = choice.draw(random());
      drawn[index] = (drawn[index] ?? 0) + 1;
    }
    expect(drawn.map((times) => Math.round(times / 1000))).toEqual([50, 10, 30, 10]);
  });
});

describe('a cache', () => {
  it('keeps what was used last, and as much as fits', () => {
    const cache = new LruCache(10);
    cache.add(1, 4, 0);
    cache.add(2, 4, 0);
    expect(cache.has(1, 1)).toBe(true);
    cache.add(3, 4, 2);
    expect([cache.has(2, 3), cache.has(1, 3), cache.has(3, 3)]).toEqual([false, true, true]);
    expect({ bytes: cache.bytes, count: cache.count }).toEqual({ bytes: 8, count: 2 });
    cache.add(4, 11, 4);
    expect(cache.has(4, 5)).toBe(false);
  });

  it.each([
    { capacity: 50, exponent: 0.9 },
    { capacity: 500, exponent: 0.7 },
    { capacity: 500, exponent: 1.1 },
  ])('hits as often as Che, Tung and Wang say ($capacity, $exponent)', ({ capacity, exponent }) => {
    const shares = strata(5000, exponent, 5000).map(({ share }) => share);
    const expected = cheHitRatio(shares, capacity);
    const measured = hitRatio(new LruCache(capacity), shares, 300_000);
    expect(Math.abs(measured - expected)).toBeLessThan(0.01);
  });

  it('hits as often as its time allows', () => {
    const shares = Array.from({ length: 100 }, () => 0.01);
    // One request a second in all, and a minute for each entry.
    const measured = hitRatio(new LruCache(1000, 60), shares, 200_000);
    expect(Math.abs(measured - ttlHitRatio(0.01, 60))).toBeLessThan(0.01);
  });
});

describe('the simulation', () => {
  const small: Scenario = {
    ...DEFAULTS,
    users: 20_000,
    dailyActive: 6000,
    sizes: ONE_SIZE,
    churn: 0,
    regional: NONE,
    edges: { places: 1, bytes: 1000, ttlSeconds: Infinity },
  };
  const options = { warmUpHours: 24, hours: 24, runningForDays: 0, random: seededRandom(3) };
  const sum = ({ hours }: Simulation, of: 'requests' | 'edgeMisses' | 'arrivals'): number =>
    hours.reduce((total, hour) => total + hour[of], 0);

  it('asks as often as its users do, most in the evening', () => {
    const simulation = simulate(small, { ...options, sample: 20_000 });
    expect(sum(simulation, 'requests') / (requestsPerSecond(small) * 86_400)).toBeCloseTo(1, 1);
    const [busiest, quietest] = [20, 8].map((hour) => simulation.hours[hour]?.requests ?? 0);
    const swing = loadOfHour(20, small.swing) / loadOfHour(8, small.swing);
    expect((busiest ?? 0) / (quietest ?? 1) / swing).toBeCloseTo(1, 1);
  });

  it('misses at the edge as often as Che, Tung and Wang say', () => {
    const simulation = simulate(small, { ...options, sample: 20_000 });
    const shares = strata(small.users, small.exponent, small.users).map(({ share }) => share);
    const hits = 1 - sum(simulation, 'edgeMisses') / sum(simulation, 'requests');
    expect(Math.abs(hits - cheHitRatio(shares, 1000))).toBeLessThan(0.01);
  });

  it('tells of a sample what it tells of the whole', () => {
    const layered: Scenario = {
      ...small,
      churn: 0.01,
      bucketFirst: false,
      edges: { places: 4, bytes: 800, ttlSeconds: Infinity },
      regional: { places: 1, bytes: 3000, ttlSeconds: Infinity },
    };
    const whole = simulate(layered, { ...options, sample: 20_000 });
    const tenth = simulate(layered, { ...options, sample: 2000 });
    expect(tenth.drawn).toBeLessThan(whole.drawn / 8);
    // Only some forty of the sample arrive at the service: chance alone makes that a sixth more or less.
    for (const [of, within] of [
      ['requests', 0.05],
      ['edgeMisses', 0.05],
      ['arrivals', 0.3],
    ] as const) {
      const ratio = sum(tenth, of) / sum(whole, of);
      expect(Math.abs(ratio - 1), of).toBeLessThan(within);
    }
  });

  it('begins with what caches have after years, so that days of it will do', () => {
    const slow: Scenario = {
      ...small,
      users: 2000,
      dailyActive: 50,
      churn: 0.0005,
      bucketFirst: false,
      edges: { places: 4, bytes: 900, ttlSeconds: 200 * 86_400 },
      regional: { places: 1, bytes: 1e6, ttlSeconds: 100 * 86_400 },
    };
    // As long as a picture is kept: what came on the first day still expires together.
    const counted = { hours: 100 * 24, sample: 2000 };
    const years = simulate(slow, { ...options, ...counted, warmUpHours: 300 * 24 });
    const atOnce = simulate(slow, { ...options, ...counted, warmUpHours: 24, runningForDays: 600 });
    const hitsOf = (simulation: Simulation): number =>
      1 - sum(simulation, 'edgeMisses') / sum(simulation, 'requests');
    expect(Math.abs(hitsOf(atOnce) - hitsOf(years))).toBeLessThan(0.01);
    expect(sum(years, 'arrivals')).toBeGreaterThan(5);
    expect(Math.abs(sum(atOnce, 'arrivals') / sum(years, 'arrivals') - 1)).toBeLessThan(0.15);
  });

  it('renders each variant once where variants are shared, whatever else is lost', () => {
    const shared = simulate(
      {
        ...small,
        edges: NONE,
        bucketFirst: false,
        instances: { ...small.instances, memoryBytes: 0 },
      },
      { ...options, warmUpHours: 0, sample: 20_000 },
    );
    const counted = shared.hours.reduce(
      (total, { renders, sharedHits, arrivals, originalReads, variantReads }) => ({
        renders: total.renders + (renders[0] ?? 0),
        sharedHits: total.sharedHits + sharedHits,
        arrivals: total.arrivals + arrivals,
        originalReads: total.originalReads + originalReads,
        variantReads: total.variantReads + variantReads,
      }),
      { renders: 0, sharedHits: 0, arrivals: 0, originalReads: 0, variantReads: 0 },
    );
    expect(counted.renders).toBe(shared.storedBytes);
    expect(counted.renders + counted.sharedHits).toBe(counted.arrivals);
    expect(counted.variantReads).toBe(counted.arrivals);
    // What is in memory for other sizes needs no read.
    expect(counted.originalReads).toBeGreaterThan(counted.renders);
    expect(counted.originalReads).toBeLessThanOrEqual(counted.arrivals);
  });

  it('says the same each time it is asked with the same seed', () => {
    const again = (): Simulation =>
      simulate(small, { ...options, sample: 500, random: seededRandom(9) });
    expect(again()).toEqual(again());
  });
});

describe('a plan', () => {
  const times = readTimes(join(import.meta.dirname, '../../plan/reference-times.json'));

  it('is that of as many instances as it asks for', () => {
    // Nothing is kept before the service, which is slow, and what one instance keeps is not enough.
    const slow = { ...times, memoryHitMs: 1000, sharedHitMs: 30_000 };
    const forum = scenarioOf({ users: 3000, dailyActive: 300 }, slow);
    const demanding: Scenario = {
      ...forum,
      edges: NONE,
      regional: NONE,
      bucketFirst: false,
      instances: { ...forum.instances, memoryBytes: 10e6 },
    };
    const planOfCount = (count: number): Plan => {
      const instances = { ...demanding.instances, count };
      return settledPlan({ ...demanding, instances }, slow, readPrices(), 1);
    };
    const plan = planOfCount(1);
    const count = Math.max(...plan.instances);
    expect(count).toBeGreaterThan(2);
    // Wherever it begins.
    expect(planOfCount(count)).toEqual(plan);
    expect(planOfCount(count + 3)).toEqual(plan);
  });
});

/** Of requests one second apart on average. */
function hitRatio(cache: LruCache, shares: readonly number[], requests: number): number {
  const random = seededRandom(5);
  const choice = new WeightedChoice(shares);
  let [hits, now] = [0, 0];
  for (let count = 0; count < requests; count += 1) {
    now -= Math.log(1 - random());
    const key = choice.draw(random());
    const isHit = cache.has(key, now);
    if (!isHit) cache.add(key, 1, now);
    // The first fifth fills it.
    if (isHit && count >= requests / 5) hits += 1;
  }
  return hits / (requests * 0.8);
}
