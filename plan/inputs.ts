/** From the command line and what was measured to a scenario. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Prices } from './plan.ts';
import { DEFAULTS, type Scenario, type SizeUse } from './scenario.ts';
import { type ServiceTimes, variantBytesOf } from './times.ts';

export const PRICES_FILE = join(import.meta.dirname, '..', 'deploy', 'aws', 'prices.json');

export function readPrices(file = PRICES_FILE): Prices {
  const prices: Prices = JSON.parse(readFileSync(file, 'utf8'));
  return prices;
}

export function readTimes(file: string): ServiceTimes {
  const times: ServiceTimes = JSON.parse(readFileSync(file, 'utf8'));
  return times;
}

/**
 * `24:15,48:45,96:40`, sizes with their parts of all views; without parts all are alike.
 * @throws Error when it is not of that form
 */
export function parseSizes(text: string): { size: number; share: number }[] {
  const sizes = text.split(',').map((word) => {
    const { size, part = '1' } = /^(?<size>\d+)(?::(?<part>\d+))?$/.exec(word.trim())?.groups ?? {};
    if (size === undefined) throw new Error(`not a size: ${word}`);
    return { size: Number(size), part: Number(part) };
  });
  const all = sizes.reduce((sum, { part }) => sum + part, 0);
  return sizes.map(({ size, part }) => ({ size, share: part / all }));
}

type ScenarioChoices = {
  readonly users: number;
  readonly dailyActive: number;
  readonly sizes?: ReadonlyArray<{ readonly size: number; readonly share: number }> | undefined;
};

/** What is not said is as by default; bytes are those of the pictures that were measured. */
export function scenarioOf(
  { users, dailyActive, sizes = DEFAULTS.sizes }: ScenarioChoices,
  times: ServiceTimes,
): Scenario {
  return {
    ...DEFAULTS,
    users,
    dailyActive,
    originalBytes: times.originalBytes,
    sizes: sizes.map(({ size, share }): SizeUse => {
      return { size, share, bytes: variantBytesOf(times, size) };
    }),
  };
}
