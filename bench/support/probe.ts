/**
 * Loaded into the HTTP process before the service: times what shares libuv's threads and the event
 * loop with it, and tells the bench over IPC. What waits here, a hit or an S3 read would wait for.
 */
import { readFile } from 'node:fs/promises';
import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export type Probed = { readonly dnsMs: number; readonly fileMs: number; readonly loopMs: number };

const EVERY_MS = 20;

process.channel?.unref();
void probe();

async function probe(): Promise<void> {
  for (;;) {
    const dueAt = performance.now() + EVERY_MS;
    await sleep(EVERY_MS, undefined, { ref: false });
    const startedAt = performance.now();
    const [dnsMs, fileMs] = await Promise.all([
      timed(lookup('localhost')),
      timed(readFile(import.meta.filename)),
    ]);
    const probed: Probed = { dnsMs, fileMs, loopMs: startedAt - dueAt };
    process.send?.(probed);
  }
}

async function timed(work: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work;
  return performance.now() - startedAt;
}
