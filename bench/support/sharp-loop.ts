/**
 * sharp alone: the service's own transform in a loop, originals in memory, nothing else; or, where a store
 * is named, what is made put there as well. Takes a file with the work, tells for each line it reads ("so
 * many at once") how many seconds that took.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { createInspector } from '../../src/inspect/inspect.ts';
import { intermediateSquare } from '../../src/render/intermediate-square.ts';
import { lockDecoders, transformAll } from '../../src/render/transform.ts';
import type { LoopPlan, LoopStore, LoopWork } from './misses.ts';
import { connectTo } from './s3-client.ts';

/** As many as a client keeps busy without a render having to wait for one. */
const PUTS_AT_ONCE = 32;

lockDecoders();
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const { work, store } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as LoopPlan;
const inspector = createInspector({ maxPixels: 50e6 });
const files = [...new Set(work.map(({ file }) => file))];
const originals = new Map(files.map((file) => [file, inspector.inspect(readFileSync(file))]));

const put = store === undefined ? undefined : putter(store);
const puts = new Set<Promise<void>>();

for await (const line of createInterface({ input: process.stdin })) {
  const [concurrency, from, to] = line.split(' ').map(Number);
  const jobs = work.slice(from, to);
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: concurrency ?? 1 }, () => oneAfterTheOther(jobs)));
  await Promise.all(puts);
  process.stdout.write(`${(performance.now() - startedAt) / 1000}\n`);
}

async function oneAfterTheOther(jobs: LoopWork[]): Promise<void> {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    const original = originals.get(job.file);
    if (original === undefined) throw new Error(`${job.file} was not read`);
    const square = job.isSeparate ? undefined : intermediateSquare(original, job.size);
    const sizes = [job.size, ...(job.also ?? [])];
    const variants = sizes.map((size) => ({ size, format: job.format }));
    const order = { variants, square, isDeep: original.isDeep };
    for (const picture of await transformAll(original.bytes, order)) await keep(picture);
  }
}

/** Behind the renders, as the service does it. */
async function keep(picture: Buffer): Promise<void> {
  if (put === undefined) return;
  while (puts.size >= PUTS_AT_ONCE) await Promise.race(puts);
  const one: Promise<void> = put(picture).finally(() => puts.delete(one));
  puts.add(one);
}

function putter({ bucket, connection }: LoopStore): (picture: Buffer) => Promise<void> {
  const client = connectTo(connection);
  return async (Body) => {
    const Key = `loop/${randomUUID()}.png`;
    await client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key,
        Body,
        ContentType: 'image/png',
        IfNoneMatch: '*',
      }),
    );
  };
}
