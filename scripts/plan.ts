/**
 * What a forum's avatars need and cost: `npm run plan -- --users 1000000 --daily-active 100000`.
 * The first run measures the service on this machine, which takes a minute.
 */
import { parseArgs } from 'node:util';
import { parseSizes, readPrices, readTimes, scenarioOf } from '../plan/inputs.ts';
import { describePlan } from '../plan/report.ts';
import { settledPlan } from '../plan/settle.ts';
import { serviceTimes } from '../plan/times-file.ts';
import { columns } from '../src/cli/command.ts';
import { EXIT } from '../src/cli/exit.ts';

const OPTIONS = {
  users: { type: 'string', default: '1000000', value: 'N', description: 'all that have an avatar' },
  'daily-active': {
    type: 'string',
    default: '100000',
    value: 'N',
    description: 'those of them who come in a day',
  },
  sizes: {
    type: 'string',
    value: 'LIST',
    description: 'in pixels, each with its part of all views: 24:15,48:45,96:40',
  },
  format: { type: 'string', default: 'png', value: 'NAME', description: 'png, jpg, webp or avif' },
  'page-views': { type: 'string', value: 'N', description: 'pages somebody views in a day' },
  'avatars-per-page': { type: 'string', value: 'N', description: 'avatars on each of them' },
  'service-first': {
    type: 'boolean',
    default: false,
    description: 'the CDN does not ask the bucket of variants, but always the service',
  },
  prices: { type: 'string', value: 'FILE', description: 'others than deploy/aws/prices.json' },
  seed: { type: 'string', default: '1', value: 'N', description: 'of the random numbers' },
  times: {
    type: 'string',
    value: 'FILE',
    description: 'service times in place of measured ones: plan/reference-times.json',
  },
  measure: {
    type: 'boolean',
    default: false,
    description: 'measure again, though this machine was measured before',
  },
  help: { type: 'boolean', default: false, description: 'this' },
} as const;

type Option = { readonly value?: string; readonly default?: unknown; readonly description: string };

const values = given();
if (values.help) {
  process.stdout.write(help());
} else {
  await plan(values);
}

function given() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    process.stderr.write(`${error.message}\nSee npm run plan -- --help\n`);
    process.exit(EXIT.usage);
  }
}

function help(): string {
  const rows = Object.entries<Option>(OPTIONS).map(([name, { value, description, ...option }]) => {
    const usual = typeof option.default === 'string' ? `; default ${option.default}` : '';
    return [`--${name} ${value ?? ''}`.trimEnd(), `${description}${usual}`] as const;
  });
  return `npm run plan -- [options]\n\n${columns(rows)}`;
}

async function plan(values: ReturnType<typeof given>): Promise<void> {
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
  const settled = settledPlan(scenario, times, prices, Number(values.seed));
  process.stdout.write(describePlan(scenario, settled, times, prices));
}
