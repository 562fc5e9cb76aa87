import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createFolder } from '../support/app.ts';

const LOG = join(import.meta.dirname, '..', '..', 'src', 'telemetry', 'log.ts');

const PATIENCE = { timeout: 10_000 };

/** A process that opens the log and does this with it. */
function startWriter(program: string) {
  return spawn(process.execPath, argumentsFor(program));
}

function argumentsFor(program: string): string[] {
  const whole = `const { openLog } = await import(${JSON.stringify(LOG)});
    const log = openLog('info');
    ${program}`;
  return ['--input-type=module', '--eval', whole];
}

/** Ends in order when told to, and says on the other output how many lines are lost whenever that changes. */
const TELLS_LOSSES = `
  process.on('exit', () => log.flushSync());
  process.on('uncaughtException', (error) => {
    log.logger.fatal({ err: error });
    process.exit(1);
  });
  process.on('SIGTERM', () => process.exit(0));
  let told = 0;
  setInterval(() => {
    if (log.droppedLines === told) return;
    told = log.droppedLines;
    process.stderr.write(told + ' lost\\n');
  }, 10);`;

/** @returns what it says on the other output, so far */
function listenTo(writer: ChildProcess) {
  onTestFinished(() => void writer.kill('SIGKILL'));
  let said = '';
  writer.stderr?.setEncoding('utf8').on('data', (more: string) => (said += more));
  return () => said;
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
    // 16 MB of lines, and what is not collected yet of 100 MB that pass by.
    expect(grown).toBeLessThan(90e6);
  });

  it('survives a full disk, counts what is lost, and ends when it should', async () => {
    const full = openSync('/dev/full', 'w');
    const program = `${TELLS_LOSSES}
      log.logger.info('one');
      log.lines.add('two\\n');`;
    const writer = spawn(process.execPath, argumentsFor(program), {
      stdio: ['ignore', full, 'pipe'],
    });
    const said = listenTo(writer);
    await expect.poll(said, PATIENCE).toContain('2 lost');
    const ended = once(writer, 'exit');
    writer.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it('goes on, with whole lines, as soon as there is room again', async () => {
    const folder = await createFolder({ log: Buffer.alloc(0) });
    onTestFinished(() => folder.remove());
    const file = join(folder.directory, 'log');
    const program = `${TELLS_LOSSES}
      process.on('SIGUSR2', () => log.lines.add('after\\n'));
      log.lines.add(('x'.repeat(99) + '\\n').repeat(20));`;
    const shell = 'ulimit -f 1; exec "$0" "$@" >> log';
    const writer = spawn('bash', ['-c', shell, process.execPath, ...argumentsFor(program)], {
      cwd: folder.directory,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said = listenTo(writer);
    // A kilobyte is written: ten lines and a part of one.
    await expect.poll(said, PATIENCE).toContain('10 lost');
    truncateSync(file, 24);
    writer.kill('SIGUSR2');
    const written = (): string => readFileSync(file, 'utf8');
    await expect.poll(written, PATIENCE).toBe(`${'x'.repeat(24)}\nafter\n`);
    const ended = once(writer, 'exit');
    writer.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it('survives a reader that is gone, and counts what is lost from then on', async () => {
    const writer = startWriter(`${TELLS_LOSSES}
      process.on('SIGUSR2', () => log.logger.info('said to nobody'));
      log.logger.info('first');`);
    const said = listenTo(writer);
    await once(writer.stdout, 'data');
    writer.stdout.destroy();
    await once(writer.stdout, 'close');
    writer.kill('SIGUSR2');
    await expect.poll(said, PATIENCE).toContain('1 lost');
    writer.kill('SIGUSR2');
    await expect.poll(said, PATIENCE).toContain('2 lost');
    const ended = once(writer, 'exit');
    writer.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it.each(['process.exit(0)', "throw new Error('unforeseen')"])(
    'ends when its reader is found to be gone at the very end, by %s',
    async (end) => {
      const writer = startWriter(`${TELLS_LOSSES}
        process.on('SIGUSR2', () => {
          log.logger.info('said to nobody');
          ${end};
        });
        process.stderr.write('ready');`);
      const said = listenTo(writer);
      await expect.poll(said, PATIENCE).toContain('ready');
      writer.stdout.destroy();
      await once(writer.stdout, 'close');
      const ended = once(writer, 'exit');
      writer.kill('SIGUSR2');
      expect(await ended).toEqual([end.startsWith('throw') ? 1 : 0, null]);
    },
  );

  describe('on a pipe that says when it is full', () => {
    // Whoever opens it so, Node does for its own stream, does so for all that hold it.
    const MEGABYTES = `${TELLS_LOSSES}
      process.stdout;
      const line = 'x'.repeat(999_999) + '\\n';
      for (let count = 0; count < 3; count += 1) log.lines.add(line);
      setTimeout(() => process.stderr.write('full'), 300);`;

    it('waits for a reader that is slow, and loses nothing', async () => {
      const writer = startWriter(MEGABYTES);
      const said = listenTo(writer);
      await expect.poll(said, PATIENCE).toBe('full');
      let read = 0;
      writer.stdout.on('data', ({ byteLength }: Buffer) => (read += byteLength));
      await expect.poll(() => read, PATIENCE).toBe(3e6);
      expect(said()).toBe('full');
    });

    it('leaves one behind, at the end, that does not read at all', async () => {
      const writer = startWriter(MEGABYTES);
      const said = listenTo(writer);
      await expect.poll(said, PATIENCE).toBe('full');
      const ended = once(writer, 'exit');
      writer.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    });
  });
});
