/** What processes use, as /proc tells it (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

/** sysconf(_SC_CLK_TCK), which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** The fields of /proc/PID/stat behind the name, which may hold spaces and brackets. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    // It has ended.
    return undefined;
  }
}

const PARENT = 1;
const USER_TIME = 11;
const SYSTEM_TIME = 12;
const CHILDREN_USER_TIME = 13;
const CHILDREN_SYSTEM_TIME = 14;

function seconds(pid: number, fields: readonly number[]): number {
  const stat = statOf(pid);
  return fields.reduce((total, field) => total + Number(stat?.[field] ?? 0), 0) / TICKS_PER_SECOND;
}

/** User and system time of all threads of these processes so far. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((total, pid) => total + seconds(pid, [USER_TIME, SYSTEM_TIME]), 0);
}

/** Of the children of this process that have ended. */
export function endedChildrenCpuSeconds(): number {
  return seconds(process.pid, [CHILDREN_USER_TIME, CHILDREN_SYSTEM_TIME]);
}

/** Of a process and all that descend from it, those that ended meanwhile too. */
export function treeCpuSeconds(pid: number): number {
  for (;;) {
    const ended = seconds(pid, [CHILDREN_USER_TIME, CHILDREN_SYSTEM_TIME]);
    const running = cpuSeconds(processTree(pid));
    // One that ended in between is in neither: all it ever did would be missing.
    if (seconds(pid, [CHILDREN_USER_TIME, CHILDREN_SYSTEM_TIME]) === ended) return running + ended;
  }
}

/** A process and all that descend from it, itself first. */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const each = Number(name);
    if (!Number.isInteger(each)) continue;
    const parent = Number(statOf(each)?.[PARENT] ?? 0);
    children.set(parent, [...(children.get(parent) ?? []), each]);
  }
  const tree = [pid];
  for (const each of tree) tree.push(...(children.get(each) ?? []));
  return tree;
}

/** Resident memory in megabytes (10⁶ bytes); 0 when it has ended. */
export function residentMegabytes(pid: number): number {
  return memoryField(`/proc/${pid}/status`, 'VmRSS');
}

/** Of several together, where pages they share are counted for each: more than there is. */
export function residentMegabytesOf(pids: readonly number[]): number {
  return pids.reduce((total, pid) => total + residentMegabytes(pid), 0);
}

/**
 * Of several together, where pages they share are counted once. Takes the kernel 2 ms for each 100 MB to
 * find out: hits beside it would feel that.
 */
export function proportionalMegabytes(pids: readonly number[]): number {
  return pids.reduce((total, pid) => total + memoryField(`/proc/${pid}/smaps_rollup`, 'Pss'), 0);
}

function memoryField(file: string, field: string): number {
  try {
    const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(file, 'latin1'));
    return (Number(kibibytes?.[1] ?? 0) * 1024) / 1e6;
  } catch {
    return 0;
  }
}
