import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { treeCpuSeconds } from '../../bench/support/cpu.ts';
import { whileWatching } from '../../bench/support/watch.ts';

/** Each of the numbers is cut to whole hundredths. */
const ROUNDING_SECONDS = 0.04;

it('loses nothing of what processes did that end while it is read', async () => {
  const burn = 'i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done';
  const burners = `for n in $(seq 20); do /bin/sh -c '${burn}'; done`;
  // The system counts those that have ended with the shell, which therefore stays.
  const shell = spawn('/bin/sh', ['-c', `${burners}; echo over; read end`]);
  const { seen } = await whileWatching(
    () => treeCpuSeconds(shell.pid ?? 0),
    0,
    () => once(shell.stdout, 'data'),
  );
  shell.stdin.end();
  await once(shell, 'exit');
  const falls = seen.map((now, index) => Math.max(...seen.slice(0, index), 0) - now);
  expect(Math.max(...seen)).toBeGreaterThan(10 * ROUNDING_SECONDS);
  expect(Math.max(...falls)).toBeLessThan(ROUNDING_SECONDS);
});
