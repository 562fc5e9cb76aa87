/** What the processes of the service hold, sampled while it works. */
import { readdirSync, readlinkSync } from 'node:fs';
import { residentMegabytes } from '../support/cpu.ts';
import type { Service } from '../support/service.ts';
import { median, sum } from '../support/statistics.ts';
import type { Probed } from './probe.ts';

export type Sample = {
  /** In minutes after the start. */
  readonly at: number;
  readonly httpMegabytes: number;
  readonly rendererMegabytes: number;
  readonly descriptors: number;
  readonly sockets: number;
  readonly cacheMegabytes: number;
  readonly waiting: number;
  readonly probed: Probed | undefined;
};

export async function takeSample(
  service: Service,
  startedAt: number,
  probed: Probed | undefined,
): Promise<Sample> {
  const [http = 0, ...renderers] = service.tree().map(residentMegabytes);
  const open = descriptorsOf(service.pid);
  return {
    at: (performance.now() - startedAt) / 60_000,
    httpMegabytes: http,
    rendererMegabytes: sum(renderers),
    descriptors: open.length,
    sockets: open.filter((target) => target.startsWith('socket:')).length,
    cacheMegabytes: (await service.metric('avatar_cache_bytes')) / 1e6,
    waiting: await service.metric('avatar_renders_waiting'),
    probed,
  };
}

function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).map((name) => {
    try {
      return readlinkSync(`${folder}/${name}`);
    } catch {
      // Closed since.
      return '';
    }
  });
}

/**
 * The median of the slopes between all pairs (Theil–Sen): a renderer that grows before it is replaced,
 * or a heap before it is collected, does not look like a leak.
 * @returns a change a minute; undefined when there is nothing to compare
 */
export function slope(
  points: ReadonlyArray<readonly [at: number, value: number]>,
): number | undefined {
  const slopes: number[] = [];
  for (const [index, [from, before]] of points.entries()) {
    for (const [to, after] of points.slice(index + 1)) {
      if (to > from) slopes.push((after - before) / (to - from));
    }
  }
  return slopes.length === 0 ? undefined : median(slopes);
}
