/** A temporary folder and the processes started in it: all gone at the end, also at Ctrl-C. */
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processTree } from './cpu.ts';
import { findProgram } from '../../test/support/programs.ts';

type StartOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdio?: StdioOptions;
  /** The core it may use, where `taskset` is installed; by default all. */
  readonly core?: number | undefined;
};

export type Running = {
  readonly pid: number;
  readonly child: ChildProcess;
  stop(): Promise<void>;
};

/** What a process is given to end by itself. */
const PATIENCE_MS = 2000;

export class Workshop implements AsyncDisposable {
  readonly folder: string;
  readonly #running = new Set<Running>();
  readonly #onExit = (): void => this.#abandon();
  readonly #onSignal = (): void => process.exit(130);

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'avatar-bench-'));
    // Peers that were started by root work as somebody else.
    chmodSync(this.folder, 0o755);
    process.once('exit', this.#onExit);
    process.once('SIGINT', this.#onSignal);
    process.once('SIGTERM', this.#onSignal);
  }

  start(program: string, args: readonly string[], options: StartOptions = {}): Running {
    const { env = {}, stdio = 'ignore', core } = options;
    const taskset = core === undefined ? undefined : findProgram('taskset');
    const command = [
      ...(taskset === undefined ? [] : [taskset, '-c', `${core}`]),
      program,
      ...args,
    ];
    const [first = program, ...rest] = command;
    const child = spawn(first, rest, { stdio, env: { PATH: process.env['PATH'], ...env } });
    if (child.pid === undefined) throw new Error(`${program} could not be started`);
    const running: Running = {
      pid: child.pid,
      child,
      stop: async () => {
        this.#running.delete(running);
        await end(child);
      },
    };
    this.#running.add(running);
    return running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((each) => each.stop()));
    process.off('exit', this.#onExit);
    process.off('SIGINT', this.#onSignal);
    process.off('SIGTERM', this.#onSignal);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Nothing can be waited for any more. */
  #abandon(): void {
    for (const { child } of this.#running) {
      for (const pid of child.pid === undefined ? [] : processTree(child.pid)) kill(pid);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const hasEnded = once(child, 'exit');
  const tree = child.pid === undefined ? [] : processTree(child.pid);
  child.kill('SIGTERM');
  await Promise.race([hasEnded, sleep(PATIENCE_MS, undefined, { ref: false })]);
  if (child.exitCode !== null || child.signalCode !== null) return;
  for (const pid of tree) kill(pid);
  await hasEnded;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
