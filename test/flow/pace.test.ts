import { describe, expect, it } from 'vitest';
import { Pace } from '../../src/flow/pace.ts';

describe('Pace', () => {
  it('gives the first turn at once and the others at their distance', async () => {
    const pace = new Pace(50);
    const { signal } = new AbortController();
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 6 }, () => pace.turn(signal)));
    // Timers may be a millisecond early.
    expect(performance.now() - startedAt).toBeGreaterThan(5 * 20 - 2);
  });

  it('lets those go who do not want to wait any more', async () => {
    const pace = new Pace(0.001);
    const controller = new AbortController();
    await pace.turn(controller.signal);
    const turn = pace.turn(controller.signal);
    controller.abort();
    await expect(turn).rejects.toThrow('aborted');
  });
});
