/** The command line as operators use it, in this process or in one of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '../../src/cli/command-line.ts';

export type Ran = {
  readonly code: number;
  readonly results: string;
  readonly remarks: string;
};

type Variables = Readonly<Record<string, string | undefined>>;

export async function runCommand(
  args: readonly string[],
  variables: Variables = {},
  signal = new AbortController().signal,
): Promise<Ran> {
  let results = '';
  let remarks = '';
  const code = await runCommandLine(args, {
    variables,
    results: { write: (text) => (results += text) },
    remarks: { write: (text) => (remarks += text) },
    interruption: () => signal,
  });
  return { code, results, remarks };
}

/** The objects a command wrote with `--json`. */
export function linesOf({ results }: Pick<Ran, 'results'>): Array<Record<string, unknown>> {
  return results
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Record<string, unknown> => JSON.parse(line));
}

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export type Running = {
  readonly child: ChildProcess;
  readonly output: () => Pick<Ran, 'results' | 'remarks'>;
  /** Resolves with its exit code, or the signal that killed it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** The most memory its own process has had so far, renderers not counted, in bytes. */
  readonly peakBytes: () => number;
};

export function startCommand(args: readonly string[], variables: Variables = {}): Running {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...variables },
  });
  let results = '';
  let remarks = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (results += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (remarks += text));
  let peak = 0;
  const look = (): number => (peak = Math.max(peak, highWaterOf(child.pid)));
  const timer = setInterval(look, 50);
  const ended = once(child, 'close').then(() => {
    clearInterval(timer);
    return child.exitCode ?? child.signalCode;
  });
  return { child, output: () => ({ results, remarks }), ended, peakBytes: () => peak };
}

/** The kernel keeps it; 0 for a process that is gone. */
function highWaterOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(?<kilobytes>\d+)/m.exec(status)?.groups?.['kilobytes'] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
