/** What metrics cost a hit: the code that counts one, alone. */
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import pino from 'pino';
import { Registry } from 'prom-client';
import type { Variant } from '../../src/avatar/ports.ts';
import { AccessLog } from '../../src/http/access-log.ts';
import { RequestMetrics } from '../../src/telemetry/request-metrics.ts';

/** Enough for a kernel that counts CPU in hundredths of a second. */
const HITS = 20_000_000;

/** @returns seconds of CPU for each hit; of as many runs */
export function countingSeconds(variant: Variant, runs: number): number[] {
  // Without the line, which is there for its own sake.
  const lines = { add: (): void => undefined };
  const log = new AccessLog(pino({ level: 'silent' }), new RequestMetrics(new Registry()), lines);
  const count = log.prepare('/user_avatar/bench/owl/144/1.jpg', 'avatar');
  const request = new IncomingMessage(new Socket());
  request.method = 'GET';
  const run = (): number => {
    const before = process.cpuUsage();
    for (let hit = 0; hit < HITS; hit += 1) count(request, 200, variant, 1);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6 / HITS;
  };
  // Compilers warm up.
  run();
  return Array.from({ length: runs }, run);
}
