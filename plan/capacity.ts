/** The table of docs/capacity.md, the same on every machine: its service times are kept beside this. */
import { join } from 'node:path';
import { seededRandom } from '../bench/support/pictures.ts';
import { readPrices, readTimes, scenarioOf } from './inputs.ts';
import { planOf } from './plan.ts';
import { planTable } from './report.ts';
import { samplingOf, simulate } from './simulate.ts';

const FORUMS = [
  { name: '100,000 users', users: 100_000, dailyActive: 10_000 },
  { name: '1 million', users: 1_000_000, dailyActive: 100_000 },
  { name: '10 million', users: 10_000_000, dailyActive: 1_000_000 },
  { name: '100 million', users: 100_000_000, dailyActive: 10_000_000 },
];

/** @param count of the columns, the smallest forums first */
export function capacityTable(bucketFirst: boolean, count = FORUMS.length): string {
  const times = readTimes(join(import.meta.dirname, 'reference-times.json'));
  const columns = FORUMS.slice(0, count).map(({ name, ...forum }) => {
    const scenario = { ...scenarioOf(forum, times), bucketFirst };
    const random = seededRandom(1);
    const simulation = simulate(scenario, { ...samplingOf(scenario), random });
    return { name, plan: planOf(scenario, simulation, times, readPrices()) };
  });
  return planTable(columns);
}
