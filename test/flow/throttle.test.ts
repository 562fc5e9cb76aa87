import { expect, it } from 'vitest';
import { throttle } from '../../src/flow/throttle.ts';

it('reports the first, and later how many it left out', () => {
  let now = 0;
  const reports: unknown[] = [];
  const report = throttle(
    1000,
    (event: string, leftOut) => reports.push([event, leftOut]),
    () => now,
  );
  for (const event of ['a', 'b', 'c']) report(event);
  expect(reports).toEqual([['a', 0]]);
  now = 1000;
  report('d');
  now = 2500;
  report('e');
  expect(reports).toEqual([
    ['a', 0],
    ['d', 2],
    ['e', 0],
  ]);
});
