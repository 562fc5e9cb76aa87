/**
 * Ahead of all else on its core: what a client waits for a core is not the server's slowness, and clients
 * have cores of their own. A generator takes a tenth of one.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { findProgram } from '../../test/support/programs.ts';

const CHRT = findProgram('chrt');

/** Whether this user may, on this machine. */
export function canGoAhead(): boolean {
  return CHRT !== undefined && spawnSync(CHRT, ['--fifo', '1', 'true']).status === 0;
}

/**
 * This thread, from now on.
 * @throws Error when it may not
 */
export function goAhead(): void {
  if (CHRT === undefined) throw new Error('chrt is not installed');
  execFileSync(CHRT, ['--fifo', '--pid', '1', `${process.pid}`]);
}

/** For those who read the numbers. */
export function whereGeneratorsRun(): string {
  const where = 'The load generators run on the same cores as the service';
  return canGoAhead()
    ? `${where}, ahead of it (SCHED_FIFO): like clients elsewhere, they do not wait for it to leave them one.`
    : `${where}: what they wait for one counts against it.`;
}
