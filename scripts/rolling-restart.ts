/**
 * Restarts three instances behind NGINX over and over under load, and fails when one request does.
 * `npm run rolling-restart -- --rounds 10 --rate 200 --drain-ms 2000`
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { rollRestarts } from '../test/support/rolling-restart.ts';

const ROOT = join(import.meta.dirname, '..');

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    rate: { type: 'string', default: '200' },
    'render-every': { type: 'string', default: '4' },
    'drain-ms': { type: 'string', default: '2000' },
  },
});

execFileSync('npm', ['run', 'build', '--silent'], { cwd: ROOT, stdio: 'inherit' });
const result = await rollRestarts({
  rounds: Number(values.rounds),
  rate: Number(values.rate),
  renderEvery: Number(values['render-every']),
  drainMs: Number(values['drain-ms']),
  main: join(ROOT, 'dist', 'main.js'),
  onRestart: (round, instance) => {
    if (instance === 0) process.stdout.write(`round ${round + 1} of ${values.rounds}\n`);
  },
});
const { requests, failures, restarts, exitCodes, seconds } = result;
process.stdout.write(
  `${restarts} restarts in ${Math.round(seconds)} s, ${requests} requests (${Math.round(requests / seconds)} a second), ${failures.length} failed\n`,
);
for (const failure of failures.slice(0, 20)) process.stdout.write(`  ${failure}\n`);
const areClean = exitCodes.every((code) => code === 0);
if (!areClean) process.stdout.write(`exit codes: ${exitCodes.join(', ')}\n`);
process.exit(failures.length === 0 && areClean ? 0 : 1);
