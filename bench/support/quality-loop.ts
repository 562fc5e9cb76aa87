/**
 * Encodes as the service does, in a process of its own: takes a JSON line for each picture, tells how
 * many milliseconds of CPU each round took. 'plain' is sharp's PNG with nothing chosen.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createInspector } from '../../src/inspect/inspect.ts';
import { intermediateSquare } from '../../src/render/intermediate-square.ts';
import { lockDecoders, pictureOf, transformAll } from '../../src/render/transform.ts';
import type { Format } from '../../src/vocabulary/formats.ts';

export type QualityJob = {
  readonly from: string;
  readonly to: string;
  readonly size: number;
  readonly format: Format | 'plain';
};

/**
 * On a machine that does other things the least of three rounds differs by a quarter from that of three
 * others, of one picture in twenty; the least of seven by a seventh.
 */
const ROUNDS = 7;

lockDecoders();
const inspector = createInspector({ maxPixels: 50e6 });

for await (const line of createInterface({ input: process.stdin })) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const job = JSON.parse(line) as QualityJob;
  const bytes = readFileSync(job.from);
  const cpuMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = process.cpuUsage();
    const variant = await make(bytes, job);
    const { user, system } = process.cpuUsage(before);
    cpuMs.push((user + system) / 1000);
    if (round === 0) writeFileSync(job.to, variant);
  }
  process.stdout.write(`${JSON.stringify(cpuMs)}\n`);
}

async function make(bytes: Buffer, { size, format }: QualityJob): Promise<Buffer> {
  const original = inspector.inspect(bytes);
  const square = intermediateSquare(original, size);
  const { isDeep } = original;
  if (format === 'plain') {
    const picture = await pictureOf(original.bytes, { size, square, isDeep });
    return await picture.png({ compressionLevel: 6, adaptiveFiltering: false }).toBuffer();
  }
  const variants = [{ size, format }];
  const [variant] = await transformAll(original.bytes, { variants, square, isDeep });
  if (variant === undefined) throw new Error('nothing was made');
  return variant;
}
