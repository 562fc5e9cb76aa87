/**
 * sharp alone: the service's own transform in a loop, originals in memory, nothing else. Takes a file
 * with the work, tells for each line it reads ("so many at once") how many seconds that took.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createInspector } from '../../src/inspect/inspect.ts';
import { intermediateSquare } from '../../src/render/intermediate-square.ts';
import { lockDecoders, transformAll } from '../../src/render/transform.ts';
import type { LoopWork } from './misses.ts';

lockDecoders();
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const work = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as readonly LoopWork[];
const inspector = createInspector({ maxPixels: 50e6 });
const files = [...new Set(work.map(({ file }) => file))];
const originals = new Map(files.map((file) => [file, inspector.inspect(readFileSync(file))]));

for await (const line of createInterface({ input: process.stdin })) {
  const [concurrency, from, to] = line.split(' ').map(Number);
  const jobs = work.slice(from, to);
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: concurrency ?? 1 }, () => oneAfterTheOther(jobs)));
  process.stdout.write(`${(performance.now() - startedAt) / 1000}\n`);
}

async function oneAfterTheOther(jobs: LoopWork[]): Promise<void> {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    const original = originals.get(job.file);
    if (original === undefined) throw new Error(`${job.file} was not read`);
    const square = job.isSeparate ? undefined : intermediateSquare(original, job.size);
    const sizes = [job.size, ...(job.also ?? [])];
    const variants = sizes.map((size) => ({ size, format: job.format }));
    await transformAll(original.bytes, { variants, square, isDeep: original.isDeep });
  }
}
