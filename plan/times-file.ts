/** Service times are measured once on a machine and kept, since that takes a minute. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { startS3 } from '../test/support/s3-server.ts';
import { machine, measure } from './measure.ts';
import type { ServiceTimes } from './times.ts';

const FOLDER = join(import.meta.dirname, '..', '.plan');
const MEASURED_SIZES = [24, 48, 96, 144, 288];

export async function serviceTimes(format: string, isAnew: boolean): Promise<ServiceTimes> {
  const file = join(FOLDER, `times-${format}.json`);
  const known = isAnew ? undefined : await read(file);
  if (known?.machine === machine()) return known;
  const s3 = await startS3();
  try {
    const today = new Date().toISOString().slice(0, 10);
    const times = await measure(s3, MEASURED_SIZES, format, today);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${JSON.stringify(times, undefined, 2)}\n`);
    return times;
  } finally {
    await s3.stop();
  }
}

async function read(file: string): Promise<ServiceTimes | undefined> {
  try {
    const times: ServiceTimes = JSON.parse(await readFile(file, 'utf8'));
    return times;
  } catch {
    // Never measured here.
    return undefined;
  }
}
