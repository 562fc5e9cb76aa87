import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { OwnTime } from '../../src/render/own-time.ts';

const POLL = { interval: 20, timeout: 15_000 };

let child: ChildProcess;

function start(script: string): number {
  child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
  if (child.pid === undefined) throw new Error('it does not start');
  return child.pid;
}

afterEach(() => child.kill('SIGKILL'));

describe('the time of its own of a process', () => {
  it('is what it computes, and not what it is kept from', async () => {
    const pid = start('for (;;);');
    const time = new OwnTime(pid);
    await expect.poll(() => time.ms, POLL).toBeGreaterThan(200);
    process.kill(pid, 'SIGSTOP');
    const computed = time.elapsedMs;
    await expect.poll(() => time.elapsedMs, POLL).toBeGreaterThan(computed + 1000);
    process.kill(pid, 'SIGCONT');
    // In steps of the kernel's clock.
    expect(time.ms).toBeLessThan(time.elapsedMs - 900);
  });

  it.each([
    ['waits for nothing', 'setInterval(() => undefined, 1e6)', 'SIGCONT'],
    ['is stopped', 'for (;;);', 'SIGSTOP'],
  ] as const)('is all of its time where it %s', async (_what, script, signal) => {
    const pid = start(script);
    const time = new OwnTime(pid);
    await expect.poll(() => time.elapsedMs, POLL).toBeGreaterThan(500);
    process.kill(pid, signal);
    await expect.poll(() => time.ms > 0 && time.ms >= time.elapsedMs - 100, POLL).toBe(true);
  });

  it('is all of its time where it cannot be told', async () => {
    const pid = start('');
    await new Promise((resolve) => child.once('exit', resolve));
    const time = new OwnTime(pid);
    await expect.poll(() => time.elapsedMs, POLL).toBeGreaterThan(50);
    expect(time.ms).toBeGreaterThan(50);
  });
});
