import { seededRandom } from '../bench/support/pictures.ts';
import { type Plan, planOf, type Prices } from './plan.ts';
import { requestsPerSecond, type Scenario } from './scenario.ts';
import { simulate, type SimulationOptions } from './simulate.ts';
import type { ServiceTimes } from './times.ts';

/**
 * The plan of a forum with as many instances as it asks for itself: more of them have more memory between
 * them, so that they need less. Where two numbers ask for each other, it is that of the larger.
 */
export function settledPlan(
  scenario: Scenario,
  times: ServiceTimes,
  prices: Prices,
  seed: number,
): Plan {
  const tried = new Set<number>();
  for (let { count } = scenario.instances; ;) {
    const settled = { ...scenario, instances: { ...scenario.instances, count } };
    const random = seededRandom(seed);
    const simulation = simulate(settled, { ...samplingOf(settled), random });
    const plan = planOf(settled, simulation, times, prices);
    const needed = Math.max(...plan.instances);
    if (needed === count || (needed < count && tried.has(needed))) return plan;
    tried.add(count);
    count = needed;
  }
}

/**
 * As many avatars as it takes for the smallest cache to hold fifty pictures when it is as small in
 * proportion. Caches are full from the start: a day is for what is in them to be in its usual order. Counted
 * are as many days as it takes for chance not to matter.
 */
function samplingOf(
  scenario: Scenario,
): Pick<SimulationOptions, 'sample' | 'warmUpHours' | 'hours' | 'runningForDays'> {
  const { users, sizes, edges, instances } = scenario;
  const picture = sizes.reduce((sum, { share, bytes }) => sum + share * bytes, 0);
  const smallest = Math.min(edges.bytes, instances.memoryBytes * instances.count);
  const needed = Math.ceil((users * PICTURES_AT_LEAST * picture) / smallest);
  const sample = Math.min(users, Math.max(AVATARS_AT_LEAST, needed));
  const drawsADay = (requestsPerSecond(scenario) * 86_400 * sample) / users;
  const days = Math.min(30, Math.max(1, Math.floor(DRAWS / drawsADay)));
  return { sample, warmUpHours: 24, hours: days * 24, runningForDays: 180 };
}

const PICTURES_AT_LEAST = 50;
const AVATARS_AT_LEAST = 10_000;
/** Some seconds of simulation. */
const DRAWS = 1e6;
