/** Visitors of a forum, who look at avatars through the front, and remember what they saw. */
import { createHash } from 'node:crypto';
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './nginx.ts';

type Visits = {
  readonly port: number;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  /** In the order of their popularity; what is asked comes more and more from further back. */
  readonly paths: readonly string[];
  readonly random: () => number;
};

export type Seen = {
  /** Replies, whatever they were. */
  readonly requests: number;
  readonly variants: number;
  /** Replies for which an instance rendered, by their Cache-Status. */
  readonly rendered: number;
  /** How often each Cache-Status was seen. */
  readonly statuses: ReadonlyMap<string, number>;
  /** What was not 200, or had other bytes than the same path before. */
  readonly failures: readonly string[];
  readonly longestMs: number;
};

/** Asks at a fixed rate, whether or not replies come. */
export async function visit(visits: Visits): Promise<Seen> {
  const { port, seconds, requestsPerSecond, paths, random } = visits;
  const agent = new Agent({ keepAlive: true, maxSockets: 200 });
  const digests = new Map<string, string>();
  const statuses = new Map<string, number>();
  const failures: string[] = [];
  let longestMs = 0;
  const look = async (path: string): Promise<void> => {
    const startedAt = performance.now();
    try {
      const { status, headers, body } = await ask(port, path, { agent });
      const digest = createHash('sha256').update(body).digest('base64');
      const isWhole = body.length === Number(headers['content-length']);
      if (status !== 200 || !isWhole) failures.push(`${path}: ${status}, ${body.length} bytes`);
      else if ((digests.get(path) ?? digest) !== digest) failures.push(`${path}: other bytes`);
      else digests.set(path, digest);
      const cacheStatus = String(headers['cache-status']);
      statuses.set(cacheStatus, (statuses.get(cacheStatus) ?? 0) + 1);
    } catch (error) {
      failures.push(`${path}: ${String(error)}`);
    }
    longestMs = Math.max(longestMs, performance.now() - startedAt);
  };

  const count = Math.round(seconds * requestsPerSecond);
  const beganAt = performance.now();
  const looks: Promise<void>[] = [];
  while (looks.length < count) {
    const share = (performance.now() - beganAt) / (seconds * 1000);
    while (looks.length < Math.min(count, share * count)) {
      looks.push(look(chooseOf(paths, Math.min(1, 0.1 + share), random)));
    }
    await sleep(5);
  }
  await Promise.all(looks);
  agent.destroy();
  const rendered = [...statuses]
    .filter(([status]) => isRender(status))
    .reduce((sum, [, times]) => sum + times, 0);
  return {
    requests: count,
    variants: digests.size,
    rendered,
    statuses,
    failures,
    longestMs,
  };
}

/** Whether the instance that answered so has rendered for it. */
export function isRender(cacheStatus: string): boolean {
  return /; fwd=uri-miss(?!.*(?:collapsed|fwd-status))/.test(cacheStatus);
}

/** Of the first part of the list, its beginning more often than its end. */
function chooseOf(paths: readonly string[], part: number, random: () => number): string {
  const path = paths[Math.floor(random() ** 2 * part * paths.length)];
  if (path === undefined) throw new Error('nothing to ask for');
  return path;
}
