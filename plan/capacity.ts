/** The tables of docs/capacity.md, the same on every machine: their service times are kept beside this. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RECENT_ORIGINALS } from '../src/originals/recent.ts';
import { VARIANT_OVERHEAD_BYTES } from '../src/variants/memory.ts';
import { PRICES_FILE, readPrices, readTimes, scenarioOf } from './inputs.ts';
import { planTable } from './report.ts';
import { settledPlan } from './settle.ts';

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
    return { name, plan: settledPlan(scenario, times, readPrices(), 1) };
  });
  return planTable(columns);
}

/**
 * Of the tables and of all they are made of, so that nobody has to simulate a hundred million users to see
 * whether they are up to date.
 */
export function capacityDigest(tables: readonly string[]): string {
  const hash = createHash('sha256');
  const files = readdirSync(import.meta.dirname).toSorted();
  for (const file of files) hash.update(readFileSync(join(import.meta.dirname, file)));
  hash.update(readFileSync(PRICES_FILE));
  hash.update(JSON.stringify([RECENT_ORIGINALS, VARIANT_OVERHEAD_BYTES]));
  // Formatters pad cells.
  for (const table of tables) hash.update(table.trim().replaceAll(/([ -])+/g, '$1'));
  return hash.digest('hex');
}
