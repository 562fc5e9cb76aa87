import { describe, expect, it } from 'vitest';
import type { Turn } from '../../src/flow/fair-queue.ts';
import { FairSemaphore } from '../../src/flow/fair-semaphore.ts';

const never = new AbortController().signal;

function turnOf(client: string, user = 'u'): Turn {
  return { site: 'h', client, user };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Takes, tells when it has got it, and gives it back when told. */
function taker(
  semaphore: FairSemaphore,
  got: string[],
): (name: string, amount: number) => () => void {
  return (name, amount) => {
    const over = Promise.withResolvers<void>();
    void (async () => {
      using _taken = await semaphore.acquire(turnOf(name.charAt(0), name), amount, never);
      got.push(name);
      await over.promise;
    })();
    return over.resolve;
  };
}

describe('a semaphore', () => {
  it('never gives out more than there is, and gives to all', async () => {
    const semaphore = new FairSemaphore('slots', 3);
    let running = 0;
    let most = 0;
    let total = 0;
    const work = async (): Promise<void> => {
      using _taken = await semaphore.acquire(turnOf('a'), 1, never);
      running += 1;
      most = Math.max(most, running);
      await nextTurn();
      running -= 1;
      total += 1;
    };
    await Promise.all(Array.from({ length: 20 }, work));
    expect({ most, total, running }).toEqual({ most: 3, total: 20, running: 0 });
    expect([semaphore.taken, semaphore.waiting]).toEqual([0, 0]);
  });

  it('lets those who left go, and loses nothing over them', async () => {
    const semaphore = new FairSemaphore('slots', 1);
    const taken = await semaphore.acquire(turnOf('a'), 1, never);
    const client = new AbortController();
    const waiting = semaphore.acquire(turnOf('a'), 1, client.signal);
    client.abort(new Error('left'));
    await expect(waiting).rejects.toThrow('left');
    taken[Symbol.dispose]();
    taken[Symbol.dispose]();
    expect(semaphore.taken).toBe(0);
    await expect(semaphore.acquire(turnOf('a'), 1, client.signal)).rejects.toThrow('left');
    expect(semaphore.taken).toBe(0);
  });

  it('has one client wait for one turn of another, however many of those wait', async () => {
    const semaphore = new FairSemaphore('slots', 1);
    const got: string[] = [];
    const take = taker(semaphore, got);
    const ends = ['a1', 'a2', 'a3', 'a4', 'b1', 'a5'].map((name) => take(name, 1));
    for (const end of ends) end();
    await expect.poll(() => got.length).toBe(6);
    expect(got.indexOf('b1')).toBeLessThan(4);
  });

  it('gives more than there is to one alone, for which those wait who came later', async () => {
    const semaphore = new FairSemaphore('bytes', 10);
    const got: string[] = [];
    const take = taker(semaphore, got);
    const endSmall = take('a', 4);
    const endHuge = take('b', 25);
    const endLater = take('c', 4);
    await nextTurn();
    expect(got).toEqual(['a']);
    endSmall();
    await nextTurn();
    expect(got).toEqual(['a', 'b']);
    endHuge();
    await nextTurn();
    expect(got).toEqual(['a', 'b', 'c']);
    endLater();
  });

  it('gives what is left to the next ones when the one who needed more leaves', async () => {
    const semaphore = new FairSemaphore('bytes', 10);
    using _taken = await semaphore.acquire(turnOf('a'), 4, never);
    const client = new AbortController();
    const large = semaphore.acquire(turnOf('b'), 8, client.signal);
    const small = semaphore.acquire(turnOf('c'), 5, never);
    client.abort(new Error('left'));
    await expect(large).rejects.toThrow('left');
    (await small)[Symbol.dispose]();
    expect(semaphore.taken).toBe(4);
  });

  it('keeps a part for those who have nothing, which nobody has more than once', async () => {
    const semaphore = new FairSemaphore('slots', 16);
    const got: string[] = [];
    const take = taker(semaphore, got);
    const greedy = Array.from({ length: 40 }, (_, index) => take(`a${index}`, 1));
    await nextTurn();
    expect(got).toHaveLength(14);
    const [endFirst] = ['b1', 'b2', 'c1', 'd1'].map((name) => take(name, 1));
    await nextTurn();
    expect(got.slice(14)).toEqual(['b1', 'c1']);
    expect(semaphore.taken).toBe(16);
    // What was kept is kept for the next one; what was for all goes on by turns.
    endFirst?.();
    await nextTurn();
    take('e1', 1);
    await nextTurn();
    expect(got.slice(16)).toEqual(['e1']);
    for (const end of greedy.slice(0, 4)) end();
    await nextTurn();
    expect(got.slice(17)).toHaveLength(4);
    expect(got.slice(17)).toEqual(expect.arrayContaining(['b2', 'd1']));
  });

  it('refuses who has filled the queue, and nobody else', async () => {
    const semaphore = new FairSemaphore('slots', 1);
    using _taken = await semaphore.acquire(turnOf('a'), 1, never);
    const client = new AbortController();
    const flood = Array.from({ length: 1200 }, (_, index) =>
      semaphore.acquire(turnOf('a', `u${index}`), 1, client.signal),
    );
    const other = semaphore.acquire(turnOf('b'), 1, client.signal);
    expect(semaphore.waiting).toBe(1001);
    client.abort(new Error('left'));
    const outcomes = await Promise.allSettled([...flood, other]);
    const reasons = outcomes.map((each) => (each.status === 'rejected' ? each.reason : each));
    const refused = reasons.filter((each) => !String(each).includes('left'));
    expect(refused).toHaveLength(200);
    expect(refused[0]).toMatchObject({ code: 'overloaded', retryAfterSeconds: 1 });
    expect(String(reasons.at(-1))).toContain('left');
  });
});
