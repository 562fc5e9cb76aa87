/** What the processes of the services hold, sampled while they work. */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { residentMegabytes } from '../support/cpu.ts';
import { type Service, startService } from '../support/service.ts';
import { median, sum } from '../support/statistics.ts';
import type { Workshop } from '../support/workshop.ts';
import type { Probed } from './probe.ts';

/** A service that tells what only it can know. */
export type Watched = Service & {
  /** The latest there is. */
  readonly probed: () => Probed | undefined;
};

/** Of all services together. */
export type Sample = {
  /** In minutes after the start. */
  readonly at: number;
  readonly httpMegabytes: number;
  readonly rendererMegabytes: number;
  readonly descriptors: number;
  readonly sockets: number;
  readonly cacheMegabytes: number;
  readonly waiting: number;
  readonly timers: number;
  readonly resources: number;
  /** Of the one that was later. */
  readonly loopMs: number;
};

export async function startWatched(
  workshop: Workshop,
  env: Readonly<Record<string, string>>,
): Promise<Watched> {
  const service = await startService(workshop, {
    preload: join(import.meta.dirname, 'probe.ts'),
    env,
  });
  let probed: Probed | undefined;
  service.child.on('message', (message) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    probed = message as Probed;
  });
  return { ...service, probed: () => probed };
}

export async function takeSample(services: readonly Watched[], startedAt: number): Promise<Sample> {
  const trees = services.map((service) => service.tree().map(residentMegabytes));
  const open = services.flatMap(({ pid }) => descriptorsOf(pid));
  const probed = services.flatMap((service) => service.probed() ?? []);
  const metric = async (name: string): Promise<number> =>
    sum(await Promise.all(services.map((service) => service.metric(name))));
  return {
    at: (performance.now() - startedAt) / 60_000,
    httpMegabytes: sum(trees.map(([http = 0]) => http)),
    rendererMegabytes: sum(trees.flatMap(([, ...renderers]) => renderers)),
    descriptors: open.length,
    sockets: open.filter((target) => target.startsWith('socket:')).length,
    cacheMegabytes: (await metric('avatar_cache_bytes')) / 1e6,
    waiting: await metric('avatar_renders_waiting'),
    timers: sum(probed.map(({ timers }) => timers)),
    resources: sum(probed.map(({ resources }) => resources)),
    loopMs: Math.max(0, ...probed.map(({ loopMs }) => loopMs)),
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
