import { expect, it } from 'vitest';
import { CircuitBreaker } from '../../src/flow/circuit-breaker.ts';

function breaker(): { breaker: CircuitBreaker; pass: (ms: number) => void; fail: () => void } {
  let now = 0;
  const tested = new CircuitBreaker({ failures: 3, restMs: 1000 }, () => now);
  return {
    breaker: tested,
    pass: (ms) => {
      now += ms;
    },
    fail: () => {
      expect(tested.allows()).toBe(true);
      tested.failed();
    },
  };
}

it('lets through until so many failed in a row', () => {
  const { breaker: tested, fail } = breaker();
  fail();
  fail();
  tested.succeeded();
  fail();
  fail();
  fail();
  expect(tested.allows()).toBe(false);
});

it('lets one through after the rest, and the others when that one succeeded', () => {
  const { breaker: tested, pass, fail } = breaker();
  [1, 2, 3].forEach(fail);
  pass(999);
  expect(tested.allows()).toBe(false);
  pass(1);
  expect([tested.allows(), tested.allows()]).toEqual([true, false]);
  tested.succeeded();
  expect([tested.allows(), tested.allows()]).toEqual([true, true]);
});

it('rests again when that one failed', () => {
  const { breaker: tested, pass, fail } = breaker();
  [1, 2, 3].forEach(fail);
  pass(1000);
  fail();
  pass(999);
  expect(tested.allows()).toBe(false);
  pass(1);
  expect(tested.allows()).toBe(true);
});

it('lets another one try when nothing is heard of the first', () => {
  const { breaker: tested, pass, fail } = breaker();
  [1, 2, 3].forEach(fail);
  pass(1000);
  expect(tested.allows()).toBe(true);
  pass(1000);
  expect(tested.allows()).toBe(true);
});
