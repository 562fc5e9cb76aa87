import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/flow/deadline.ts';

const { signal: never } = new AbortController();

function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
}

describe('a deadline', () => {
  it('aborts when its time is up, and says what was not done', async () => {
    using deadline = new Deadline(5, never, 'not read');
    const { signal } = deadline;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    expect(signal.reason).toMatchObject({ code: 'deadline_passed', detail: 'not read' });
  });

  it('aborts with its parent, for the same reason', () => {
    const leaving = new AbortController();
    using deadline = new Deadline(60_000, leaving.signal);
    leaving.abort('left');
    expect(deadline.signal.reason).toBe('left');
  });

  it('leaves no timer behind when it is disposed of', () => {
    const before = timers();
    const deadline = new Deadline(60_000, never);
    expect(timers()).toBe(before + 1);
    deadline[Symbol.dispose]();
    expect(timers()).toBe(before);
  });
});
