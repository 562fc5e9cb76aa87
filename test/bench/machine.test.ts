import { expect, it } from 'vitest';
import { describeMachine } from '../../bench/support/machine.ts';

it('names the release of the kernel, and not its build', () => {
  expect(describeMachine()).toMatch(/, Linux \d+(?:\.\d+)+, /);
});
