import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

const LOG = join(import.meta.dirname, '..', '..', 'src', 'telemetry', 'log.ts');

/** A process that opens the log and does this with it. */
function startWriter(program: string) {
  const whole = `const { openLog } = await import(${JSON.stringify(LOG)});
    const log = openLog('info');
    ${program}`;
  return spawn(process.execPath, ['--input-type=module', '--eval', whole]);
}

describe('the log', () => {
  it('has its last lines written when the process ends, in the order they came', async () => {
    const { stdout } = startWriter(`
      process.on('exit', () => log.flushSync());
      log.lines.add('a hit\\n');
      log.lines.add('another\\n');
      process.exit(0);`);
    expect(await text(stdout)).toBe('a hit\nanother\n');
  });

  it('holds a bounded part of what nobody reads, and counts the lines of the rest', async () => {
    const writer = startWriter(`
      const line = 'x'.repeat(999) + '\\n';
      const before = process.memoryUsage().rss;
      for (let turn = 0; turn < 100; turn += 1) {
        for (let count = 0; count < 1000; count += 1) log.lines.add(line);
        await new Promise((resolve) => setImmediate(resolve));
      }
      process.stderr.write(JSON.stringify([log.droppedLines, process.memoryUsage().rss - before]));
      process.kill(process.pid, 'SIGKILL');`);
    // Never read.
    writer.stdout.pause();
    const ended = once(writer, 'exit');
    const [dropped, grown] = JSON.parse(await text(writer.stderr));
    await ended;
    expect(dropped).toBeGreaterThan(70_000);
    expect(dropped).toBeLessThan(100_000);
    expect(grown).toBeLessThan(70e6);
  });
});
