import { readFileSync } from 'node:fs';

/**
 * How often the kernel has killed for want of memory since the machine started, in whichever container: so
 * no process has to find out what its own is called, by either version of cgroups.
 * @returns undefined where that cannot be told
 */
export function oomKills(): number | undefined {
  try {
    const [, kills] = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'latin1')) ?? [];
    return kills === undefined ? undefined : Number(kills);
  } catch {
    // This is not Linux, or a sandbox without /proc.
    return undefined;
  }
}
