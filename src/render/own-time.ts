/** Tells what another process does with its time, by /proc (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

/** sysconf(_SC_CLK_TCK), which is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

/** Fields of /proc/PID/stat behind the name, which may hold spaces and brackets. */
const STATE = 0;
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/**
 * Measures how long a process has been at something by its own doing. Time in which it waited for a core, a
 * disk or memory does not count. A process that waits for none of these hangs: all of its time counts.
 */
export class OwnTime {
  readonly #pid: number;
  readonly #startedAt = performance.now();
  readonly #cpuMs: number | undefined;

  constructor(pid: number) {
    this.#pid = pid;
    this.#cpuMs = cpuMs(pid);
  }

  /** All time so far, its own or not. */
  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  get ms(): number {
    const now = cpuMs(this.#pid);
    // All time counts where its own cannot be told.
    if (this.#cpuMs === undefined || now === undefined || hangs(this.#pid)) return this.elapsedMs;
    return now - this.#cpuMs;
  }
}

/** The CPU time of all its threads. */
function cpuMs(pid: number): number | undefined {
  const stat = statOf(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  return (Number(stat[USER_TIME]) + Number(stat[SYSTEM_TIME])) * TICK_MS;
}

/** Whether all its threads wait for something other than a core or a disk. */
function hangs(pid: number): boolean {
  return threadsOf(pid).every((thread) => {
    const state = statOf(`/proc/${pid}/task/${thread}/stat`)?.[STATE];
    return state !== 'R' && state !== 'D';
  });
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    // It has ended.
    return [];
  }
}

function statOf(file: string): readonly string[] | undefined {
  try {
    const text = readFileSync(file, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    // It has ended, or this is not Linux.
    return undefined;
  }
}
