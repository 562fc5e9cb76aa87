import { onTestFinished, vi } from 'vitest';

/** For the rest of the test, `performance.now()` is ahead by so much; timers are as they are. */
export function moveClock(ms: number): void {
  const { performance } = globalThis;
  const now = performance.now.bind(performance);
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + ms);
  onTestFinished(() => clock.mockRestore());
}
