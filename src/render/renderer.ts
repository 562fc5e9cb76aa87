/**
 * The renderer process: takes one order after the other from its socket, and ends with it. Started
 * by `process.ts`; holds no credentials, opens no files but one of its own in /proc, listens nowhere.
 */
import { writeFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { failureOf } from './failure.ts';
import {
  type BodyMemory,
  encodeHead,
  FrameReader,
  isRenderOrder,
  type RenderOrder,
  writeFrame,
} from './protocol.ts';
import { encodeLetter, lockDecoders, transformAll } from './transform.ts';

const CHANNEL = 3;
/** How often the memory of a running render is looked at; a decoder fills about 50 MB in that time. */
const WATCH_EVERY_MS = 25;
/** Larger originals are rare. Memory that is never written to is not resident. */
const LARGEST_REUSED = 8 * 1024 * 1024;

const memoryCapBytes = Number(process.argv[2]);
const intake = new FrameReader(isRenderOrder, reusedMemory());
// Half open: when no more orders come, the one at hand is still answered. Originals are read from the
// kernel right to where they are decoded from.
const channel = new Socket({
  fd: CHANNEL,
  readable: true,
  writable: true,
  allowHalfOpen: true,
  onread: { buffer: () => intake.space, callback: receive },
});
let underWay = 0;
let isRetired = false;

beKilledFirst();
lockDecoders();
// No more orders: the HTTP process is gone, or has no more use for this one.
channel.on('end', () => {
  isRetired = true;
  endWhenDone();
});
channel.on('error', () => process.exit(0));
// Ctrl-C reaches the whole group of processes: whoever started this one decides when it ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
writeFrame(channel, { kind: 'ready' });

/**
 * Where memory runs out the kernel kills the largest process, which would be the one that listens, with its
 * cache. A renderer costs one picture a second try. To raise the score takes no privilege.
 */
function beKilledFirst(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // Not Linux, or a sandbox without /proc, or with one that is read-only: the kernel goes by size alone.
  }
}

function receive(bytes: number): boolean {
  const frame = intake.filled(bytes);
  if (frame !== undefined) void carryOut(frame.message, frame.body);
  return true;
}

async function carryOut(order: RenderOrder, original: Buffer): Promise<void> {
  underWay += 1;
  const watch = setInterval(dieOfTooMuchMemory, WATCH_EVERY_MS);
  try {
    const variants = await render(order, original);
    const lengths = variants.map(({ byteLength }) => byteLength);
    const body = variants.length === 1 ? variants[0] : Buffer.concat(variants);
    writeFrame(channel, { kind: 'done', lengths, rssBytes: process.memoryUsage.rss() }, body);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    writeFrame(channel, { kind: failureOf(error, order), reason });
  } finally {
    clearInterval(watch);
    underWay -= 1;
    endWhenDone();
  }
}

function endWhenDone(): void {
  if (isRetired && underWay === 0) channel.end();
}

async function render(order: RenderOrder, original: Buffer): Promise<Buffer[]> {
  switch (order.kind) {
    case 'picture':
      return await transformAll(original, order);
    case 'letter': {
      // Fonts and their shaper cost memory and time: not before the first letter.
      const { drawLetter } = await import('../letters/draw.ts');
      return [await encodeLetter(await drawLetter(order), order)];
    }
  }
}

/**
 * One piece of memory serves all originals: buffers that V8 has yet to collect would soon be more than a
 * decoder needs. The next order comes when this one is answered, so nobody reads what is written over.
 */
function reusedMemory(): BodyMemory {
  const memory = Buffer.allocUnsafeSlow(LARGEST_REUSED);
  return (bytes) =>
    bytes > memory.byteLength ? Buffer.allocUnsafeSlow(bytes) : memory.subarray(0, bytes);
}

/** A decoder cannot be stopped from within, only together with its process. */
function dieOfTooMuchMemory(): void {
  const rssBytes = process.memoryUsage.rss();
  if (rssBytes <= memoryCapBytes) return;
  writeSync(CHANNEL, encodeHead({ kind: 'too_much_memory', rssBytes }, 0));
  process.kill(process.pid, 'SIGKILL');
}
