import { describe, expect, it } from 'vitest';
import { RateLimiter } from '../../src/flow/rate-limiter.ts';

describe('RateLimiter', () => {
  it('gives the first turn at once and the others at their distance', async () => {
    const limiter = new RateLimiter(50);
    const { signal } = new AbortController();
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 6 }, () => limiter.acquire(signal)));
    // Timers may be a millisecond early.
    expect(performance.now() - startedAt).toBeGreaterThan(5 * 20 - 2);
  });

  it('lets those go who do not want to wait any more', async () => {
    const limiter = new RateLimiter(0.001);
    const controller = new AbortController();
    await limiter.acquire(controller.signal);
    const turn = limiter.acquire(controller.signal);
    controller.abort();
    await expect(turn).rejects.toThrow('aborted');
  });
});
