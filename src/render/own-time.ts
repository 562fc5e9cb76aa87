/** What another process does with its time, as /proc tells it (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

/** sysconf(_SC_CLK_TCK), which is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

/** Fields of /proc/PID/stat behind the name, which may hold spaces and brackets. */
const STATE = 0;
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/**
 * How long a process has been at something by its own doing. Not counted is what it was kept waiting by
 * others: for a core, a disk or memory. Who waits for none of them hangs, and all of its time counts.
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
    // Where it cannot be told, all of it.
    if (this.#cpuMs === undefined || now === undefined || hangs(this.#pid)) return this.elapsedMs;
    return now - this.#cpuMs;
  }
}

/** Of all its threads. */
function cpuMs(pid: number): number | undefined {
  const stat = statOf(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  return (Number(stat[USER_TIME]) + Number(stat[SYSTEM_TIME])) * TICK_MS;
}

/** Whether none of its threads would do anything if it only could. */
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
