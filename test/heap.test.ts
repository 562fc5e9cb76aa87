import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const MEGABYTES = 1024 * 1024;

/** What survives for a while, as requests do, over many turns of the event loop. */
const PROGRAM = `
  import { getHeapSpaceStatistics } from 'node:v8';
  import { setImmediate as nextTurn } from 'node:timers/promises';
  const { tuneHeap } = await import(process.argv[1]);
  if (process.argv[2] === 'tuned') tuneHeap();
  let largest = 0;
  for (let turn = 0, kept = []; turn < 2000; turn += 1) {
    for (let index = 0; index < 500; index += 1) kept.push({ turn, index: [index] });
    if (kept.length > 30_000) kept = [];
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    largest = Math.max(largest, young.space_size);
    await nextTurn();
  }
  console.log(largest);
`;

test('the young generation grows to halves of 4 MB and, unlike V8’s own, no further', async () => {
  const [tuned, untuned] = await Promise.all(['tuned', 'untuned'].map(largestYoungGeneration));
  // Pages that are being emptied count as well.
  expect(tuned).toBeGreaterThanOrEqual(8 * MEGABYTES);
  expect(tuned).toBeLessThan(16 * MEGABYTES);
  expect(untuned).toBeGreaterThanOrEqual(32 * MEGABYTES);
});

async function largestYoungGeneration(how: string): Promise<number> {
  const heap = join(import.meta.dirname, '..', 'src', 'heap.ts');
  const args = ['--input-type=module', '--eval', PROGRAM, heap, how];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return Number(stdout);
}
