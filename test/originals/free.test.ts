import { expect, it } from 'vitest';
import { freeOriginal } from '../../src/originals/free.ts';

it('frees the memory of an original at once, and leaves it empty', () => {
  const before = process.memoryUsage().arrayBuffers;
  const originals = Array.from({ length: 20 }, () => Buffer.allocUnsafeSlow(4e6));
  expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan(79e6);
  for (const each of originals) freeOriginal(each.subarray(0, 1000));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6);
  expect(originals.map(({ length }) => length)).toEqual(originals.map(() => 0));
});
