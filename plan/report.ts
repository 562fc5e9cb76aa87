/** A plan in words and numbers. */
import type { Plan, Prices } from './plan.ts';
import type { Scenario } from './scenario.ts';
import type { ServiceTimes } from './times.ts';

export function describePlan(
  scenario: Scenario,
  plan: Plan,
  times: ServiceTimes,
  prices: Prices,
): string {
  const total = totalOf(plan);
  const lines = [
    `${whole(scenario.users)} users, ${whole(scenario.dailyActive)} of them a day; ` +
      `sizes ${scenario.sizes.map(({ size }) => size).join(', ')} as ${times.format}`,
    `service times of ${times.machine}, measured on ${times.date}`,
    '',
    `requests a day              ${whole(plan.requestsADay)}, ${whole(plan.peakRequestsPerSecond)} a second at the peak`,
    `hits at the edge            ${percent(plan.edgeHits)}, and ${percent(plan.regionalHits)} in the regional cache`,
    `requests at the service     ${whole(plan.arrivalsADay)} a day`,
    `renders                     ${whole(plan.rendersADay)} a day`,
    `S3 reads, writes            ${whole(plan.s3ReadsADay)}, ${whole(plan.s3WritesADay)} a day`,
    `CPU of the service          ${whole(plan.cpuSecondsADay)} s a day`,
    `instances by hour           ${plan.instances.join(' ')}`,
    '',
    `dollars a month, ${prices.region}, list prices of ${prices.date}`,
    ...Object.entries(plan.costs).map(
      ([name, dollars]) => `  ${name.padEnd(26)}${money(dollars).padStart(12)}`,
    ),
    `  ${'together'.padEnd(26)}${money(total).padStart(12)}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Scenarios side by side, for the documentation. */
export function planTable(
  columns: ReadonlyArray<{ readonly name: string; readonly plan: Plan }>,
): string {
  const rows: [string, (plan: Plan) => string][] = [
    ['requests a second at the peak', (plan) => whole(plan.peakRequestsPerSecond)],
    ['hits at the edge', (plan) => percent(plan.edgeHits)],
    ['hits in the regional cache', (plan) => percent(plan.regionalHits)],
    ['requests at the service, a day', (plan) => whole(plan.arrivalsADay)],
    ['renders a day', (plan) => whole(plan.rendersADay)],
    ['S3 reads a day', (plan) => whole(plan.s3ReadsADay)],
    ['S3 writes a day', (plan) => whole(plan.s3WritesADay)],
    ['CPU of the service, seconds a day', (plan) => whole(plan.cpuSecondsADay)],
    [
      'instances, night to evening',
      ({ instances }) => `${Math.min(...instances)} to ${Math.max(...instances)}`,
    ],
    ...Object.keys(columns[0]?.plan.costs ?? {}).map((name): [string, (plan: Plan) => string] => [
      `${name}, $ a month`,
      (plan) => money(plan.costs[name] ?? 0),
    ]),
    ['**together, $ a month**', (plan) => `**${money(totalOf(plan))}**`],
  ];
  const cells = [
    ['', ...columns.map(({ name }) => name)],
    ['---', ...columns.map(() => '---:')],
    ...rows.map(([name, of]) => [name, ...columns.map(({ plan }) => of(plan))]),
  ];
  return cells.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function totalOf({ costs }: Plan): number {
  return Object.values(costs).reduce((sum, dollars) => sum + dollars, 0);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function money(dollars: number): string {
  return dollars.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
