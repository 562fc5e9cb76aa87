import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const SCRIPT = join(import.meta.dirname, '..', '..', 'scripts', 'plan.ts');
const run = promisify(execFile);

describe('the command of the planner', () => {
  it('tells of its options, and measures nothing for that', async () => {
    const { stdout, stderr } = await run(process.execPath, [SCRIPT, '--help']);
    expect(stderr).toBe('');
    for (const name of ['users', 'daily-active', 'sizes', 'service-first', 'times', 'help']) {
      expect(stdout).toMatch(new RegExp(`^ {2}--${name} .*\\w$`, 'm'));
    }
  });

  it.each([
    [['--user', '5'], '--user'],
    [['--users'], '--users'],
  ])('refuses %j and says where its options are told of', async (args, named) => {
    const failed = await run(process.execPath, [SCRIPT, ...args]).catch((error: unknown) => error);
    expect(failed).toMatchObject({
      code: 64,
      stdout: '',
      stderr: expect.stringMatching(new RegExp(`^[^\\n]*${named}[^]*--help\\n$`)),
    });
    expect(failed).not.toMatchObject({ stderr: expect.stringContaining('    at ') });
  });
});
