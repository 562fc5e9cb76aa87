/** `npm run bench`: what matters in two minutes; with `--full` everything, into RESULTS.md. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { audit } from './audit.ts';
import { flood } from './flood.ts';
import { hits } from './hits.ts';
import { hostile } from './hostile.ts';
import { letters } from './letters.ts';
import { memory } from './memory.ts';
import { misses } from './misses.ts';
import { mixed } from './mixed.ts';
import { publish } from './publish.ts';
import { sizes } from './sizes.ts';
import { start } from './start.ts';
import { BENCH_FOLDER, runBench, writePlots } from './support/bench.ts';
import { describeMachine } from './support/machine.ts';
import { renderReport, type Report, renderTable, targetTable } from './support/table.ts';

const isFull = process.argv.includes('--full');
const benches = isFull
  ? { hits, misses, letters, sizes, mixed, flood, hostile, start, memory, audit, publish }
  : { hits, misses, letters, sizes, mixed, start };

const machine = describeMachine();
const reports: Report[] = [];
for (const [name, bench] of Object.entries(benches)) {
  process.stderr.write(`${name}\n`);
  const report = await runBench(bench, !isFull);
  reports.push(report);
  if (!isFull) process.stdout.write(`${renderReport({ ...report, plots: [] })}\n\n`);
}
if (isFull) {
  for (const report of reports) writePlots(report);
  writeFileSync(join(BENCH_FOLDER, 'RESULTS.md'), results());
  process.stderr.write('bench/RESULTS.md is written\n');
} else {
  process.stdout.write(`${machine}\n`);
}

function results(): string {
  const all = reports.flatMap(({ title, targets }) =>
    targets.map((target) => ({ ...target, what: `${title}: ${target.what}` })),
  );
  return `${[
    '# What was measured',
    'Written by `npm run bench:full`. Everything on the loopback interface of one machine, interleaved; medians, with half of ' +
      'the interquartile range of the rounds behind ±. Absolute numbers are this machine’s; what holds elsewhere are the ratios. ' +
      '"PASS" and "below" compare a median with what we want it to be; "within noise" means the rounds differ by more than what ' +
      'decides between the two.',
    machine,
    '## All targets',
    renderTable(targetTable(all)),
    ...reports.map(renderReport),
  ].join('\n\n')}\n`;
}
