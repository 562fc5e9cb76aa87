import { describe, expect, it } from 'vitest';
import { ServiceTimes } from '../../src/flow/service-times.ts';

function after(times: ServiceTimes, ...observed: readonly number[]): number {
  for (const ms of observed) times.observe('c', ms);
  return times.estimate('c');
}

describe('estimated service times', () => {
  it('are a guess until something was seen, and then what was seen', () => {
    expect(after(new ServiceTimes(40, 12))).toBe(40);
    expect(after(new ServiceTimes(40, 12), 200)).toBe(200);
    const times = new ServiceTimes(40, 12);
    times.observe('other', 200);
    expect(times.estimate('c')).toBe(40);
  });

  it('follow what changes, and forget what was', () => {
    const slow = Array.from({ length: 50 }, () => 500);
    expect(after(new ServiceTimes(40, 12), 10, 10, 10, ...slow)).toBeGreaterThan(490);
  });

  it('do not let the first one decide for long where the guess is trusted', () => {
    const trusting = new ServiceTimes(40, 100, 4);
    expect(after(trusting, 1000)).toBeLessThan(250);
    expect(after(trusting, ...Array.from({ length: 20 }, () => 10))).toBeLessThan(70);
    const slow = Array.from({ length: 20 }, () => 1000);
    expect(after(new ServiceTimes(40, 100, 4), ...slow)).toBeGreaterThan(800);
  });
});
