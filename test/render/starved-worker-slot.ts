/** A worker slot in a process that has run out of descriptors, for `worker-slot.test.ts`: run by itself, with few of them. */
import { closeSync, openSync, writeSync } from 'node:fs';
import sharp from 'sharp';
import { Underway } from '../../src/flow/underway.ts';
import { WorkerSlot } from '../../src/render/worker-slot.ts';
import { card } from '../support/cards.ts';

const taken: number[] = [];
let failedStarts = 0;
const starved = Promise.withResolvers<void>();

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function takeAllDescriptors(): void {
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    // That was the last one.
  }
}

function onFailedStart(reason: unknown): void {
  failedStarts += 1;
  say(`no start: ${String(reason)}`);
  if (failedStarts < 2) return;
  for (const descriptor of taken.splice(0)) closeSync(descriptor);
  starved.resolve();
}

const limits = {
  memoryCapBytes: 640e6,
  memoryKeptBytes: 640e6,
  rendersPerProcess: 1e6,
  startMs: 20_000,
};
const slot = new WorkerSlot(limits, new Underway(), {
  failedStart: onFailedStart,
  diedIdle: () => undefined,
});
const original = await card(90, 90).png().toBuffer();
const order = { kind: 'picture', variants: [{ size: 48, format: 'png' }] } as const;
await slot.render(order, original, 20_000);

takeAllDescriptors();
const [pid = 0] = slot.pids;
process.kill(pid, 'SIGKILL');
// The pause between two starts keeps no process alive.
const awake = setInterval(() => undefined, 1000);
await starved.promise;
clearInterval(awake);
const [variant] = await slot.render(order, original, 20_000);
say(`drawn: ${(await sharp(variant).metadata()).width} pixels`);
await slot.close();
