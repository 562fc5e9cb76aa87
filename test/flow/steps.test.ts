import { expect, it } from 'vitest';
import { takeAllSteps } from '../../src/flow/steps.ts';

it('takes all steps, turn by turn, and tells of those that failed only then', async () => {
  const taken: string[] = [];
  const [atOnce, late] = [new Error('at once'), new Error('late')];
  const slow = Promise.withResolvers<void>();
  const steps = takeAllSteps(
    [
      () => {
        throw atOnce;
      },
      async () => {
        await slow.promise;
        taken.push('first, slowly');
        throw late;
      },
      () => taken.push('first'),
    ],
    [() => taken.push('second')],
  );
  expect(taken).toEqual(['first']);
  slow.resolve();
  await expect(steps).rejects.toMatchObject({ errors: [atOnce, late] });
  expect(taken).toEqual(['first', 'first, slowly', 'second']);
});
