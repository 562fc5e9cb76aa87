/**
 * What a forum's avatars need and cost: `npm run plan -- --users 1000000 --daily-active 100000`.
 * The first run measures the service on this machine, which takes a minute.
 */
import { parseArgs } from 'node:util';
import { parseSizes, readPrices, readTimes, scenarioOf } from '../plan/inputs.ts';
import { describePlan } from '../plan/report.ts';
import { settledPlan } from '../plan/settle.ts';
import { serviceTimes } from '../plan/times-file.ts';

const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '1000000' },
    'daily-active': { type: 'string', default: '100000' },
    sizes: { type: 'string' },
    format: { type: 'string', default: 'png' },
    'page-views': { type: 'string' },
    'avatars-per-page': { type: 'string' },
    'service-first': { type: 'boolean', default: false },
    prices: { type: 'string' },
    seed: { type: 'string', default: '1' },
    measure: { type: 'boolean', default: false },
    /** A file of service times, in place of measuring. */
    times: { type: 'string' },
  },
});
const times =
  values.times === undefined
    ? await serviceTimes(values.format, values.measure)
    : readTimes(values.times);
const chosen = scenarioOf(
  {
    users: Number(values.users),
    dailyActive: Number(values['daily-active']),
    sizes: values.sizes === undefined ? undefined : parseSizes(values.sizes),
  },
  times,
);
const scenario = {
  ...chosen,
  pageViews: Number(values['page-views'] ?? chosen.pageViews),
  avatarsPerPage: Number(values['avatars-per-page'] ?? chosen.avatarsPerPage),
  bucketFirst: !values['service-first'],
};
const prices = readPrices(values.prices);
const plan = settledPlan(scenario, times, prices, Number(values.seed));
process.stdout.write(describePlan(scenario, plan, times, prices));
