/**
 * Encodes as the service does, in a process of its own: takes a JSON line for each picture, tells the
 * CPU milliseconds it took. 'plain' is sharp's PNG with nothing chosen.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import sharp, { type Sharp } from 'sharp';
import type { Format } from '../../src/avatar/formats.ts';
import { createInspector } from '../../src/inspect/inspect.ts';
import { fromPixels, readPixels } from '../../src/render/encode.ts';
import { sharedSquare } from '../../src/render/shared-decode.ts';
import { lockDecoders, transformAll } from '../../src/render/transform.ts';

export type QualityJob = {
  readonly from: string;
  readonly to: string;
  readonly size: number;
  readonly format: Format | 'plain';
};

lockDecoders();
const inspector = createInspector({ maxPixels: 50e6 });

for await (const line of createInterface({ input: process.stdin })) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const job = JSON.parse(line) as QualityJob;
  const bytes = readFileSync(job.from);
  const before = process.cpuUsage();
  const variant = await make(bytes, job);
  const { user, system } = process.cpuUsage(before);
  writeFileSync(job.to, variant);
  process.stdout.write(`${(user + system) / 1000}\n`);
}

async function make(bytes: Buffer, { size, format }: QualityJob): Promise<Buffer> {
  const original = inspector.inspect(bytes);
  const square = sharedSquare(original, size);
  if (format === 'plain') return await makePlain(original.bytes, size, square);
  const [variant] = await transformAll(original.bytes, { variants: [{ size, format }], square });
  if (variant === undefined) throw new Error('nothing was made');
  return variant;
}

/** By the same way as the service, up to the encoder. */
async function makePlain(bytes: Buffer, size: number, square: number | undefined): Promise<Buffer> {
  const whole = sharp(bytes, { failOn: 'error', autoOrient: true, pages: 1 });
  const picture = square === undefined ? whole : fromPixels(await readPixels(cover(whole, square)));
  return await cover(picture, size)
    .png({ compressionLevel: 6, adaptiveFiltering: false })
    .toBuffer();
}

function cover(picture: Sharp, size: number): Sharp {
  return picture.resize(size, size, { fit: 'cover', position: 'centre' });
}
