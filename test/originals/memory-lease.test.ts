import { describe, expect, it } from 'vitest';
import type { Turn } from '../../src/flow/fair-queue.ts';
import { FairSemaphore } from '../../src/flow/fair-semaphore.ts';
import { MemoryLease } from '../../src/originals/memory-lease.ts';
import { never } from './store-suite.ts';

function turnOf(client: string): Turn {
  return { site: 'h', client, user: 'u' };
}

describe('a lease of memory', () => {
  it('is of the most that is claimed, and ends with the last holder', async () => {
    const memory = new FairSemaphore('memory', 16);
    const lease = new MemoryLease(memory, turnOf('a'));
    for (const bytes of [3, 6, 5]) await lease.claim(bytes, never);
    expect(memory.taken).toBe(6);
    const leave = lease.join();
    lease.leave();
    expect(memory.taken).toBe(6);
    leave();
    leave();
    expect(memory.taken).toBe(0);
  });

  it('is one when two reads of an original have waited for room together', async () => {
    const memory = new FairSemaphore('memory', 16);
    const all = [
      await memory.acquire(turnOf('a'), 14, never),
      // What is kept for those who have nothing yet.
      await memory.acquire(turnOf('b'), 2, never),
    ];
    const lease = new MemoryLease(memory, turnOf('c'));
    const claims = [lease.claim(5, never), lease.claim(5, never)];
    for (const piece of all) piece[Symbol.dispose]();
    await Promise.all(claims);
    expect(memory.taken).toBe(5);
    lease.leave();
    expect(memory.taken).toBe(0);
  });

  it('is given back while it waits for more: two that grow do not wait for each other', async () => {
    const memory = new FairSemaphore('memory', 8);
    const [one, two] = [new MemoryLease(memory, turnOf('a')), new MemoryLease(memory, turnOf('b'))];
    await Promise.all([one.claim(3, never), two.claim(3, never)]);
    const growing = [one.claim(6, never), two.claim(6, never)];
    await growing[0];
    one.leave();
    await growing[1];
    two.leave();
    expect(memory.taken).toBe(0);
  }, 2000);
});
