import { describe, expect, it } from 'vitest';
import { Admission, type Ticket } from '../../src/flow/admission.ts';
import type { Turn } from '../../src/flow/fair-queue.ts';

const never = new AbortController().signal;

function turn(site: string): Turn {
  return { site, client: 'c', user: 'u' };
}

function ticket(changes: Partial<Ticket> = {}): Ticket {
  const dueAt = performance.now() + 10_000;
  return { ...turn('s'), bytes: 1, costClass: 'c', dueAt, signal: never, ...changes };
}

/** Begins work that goes on until told; `started` tells whether it was let in. */
function begin(admission: Admission, given: Ticket) {
  const work = Promise.withResolvers<void>();
  const state = { started: false };
  const done = admission.run(given, async (begins) => {
    begins();
    state.started = true;
    await work.promise;
  });
  done.catch(() => undefined);
  return { state, done, finish: () => work.resolve() };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

describe('admission', () => {
  it('runs as many at once as there are slots, and the others after them', async () => {
    const admission = new Admission({ slots: 2, budgetBytes: 1e9 });
    const works = [1, 2, 3].map(() => begin(admission, ticket()));
    await settle();
    expect(works.map(({ state }) => state.started)).toEqual([true, true, false]);
    works[0]?.finish();
    await settle();
    expect(works[2]?.state.started).toBe(true);
    for (const work of works) work.finish();
    await Promise.all(works.map(({ done }) => done));
    expect([admission.running, admission.waiting]).toEqual([0, 0]);
  });

  it('keeps the decoded bytes of all running work within the budget', async () => {
    const admission = new Admission({ slots: 4, budgetBytes: 100 });
    const works = [60, 30, 30].map((bytes) => begin(admission, ticket({ bytes })));
    await settle();
    expect(works.map(({ state }) => state.started)).toEqual([true, true, false]);
    works[0]?.finish();
    await settle();
    expect(works[2]?.state.started).toBe(true);
  });

  it('runs work beyond the whole budget alone', async () => {
    const admission = new Admission({ slots: 4, budgetBytes: 100 });
    const [small, huge] = [begin(admission, ticket()), begin(admission, ticket({ bytes: 500 }))];
    await settle();
    expect(huge.state.started).toBe(false);
    small.finish();
    await settle();
    expect(huge.state.started).toBe(true);
    const next = begin(admission, ticket());
    await settle();
    expect(next.state.started).toBe(false);
  });

  it('lets smaller work pass what lacks bytes, while slots are free', async () => {
    const admission = new Admission({ slots: 3, budgetBytes: 100 });
    const [running, large] = [60, 50].map((bytes) => begin(admission, ticket({ bytes })));
    const small = Array.from({ length: 3 }, () => begin(admission, ticket({ bytes: 20 })));
    await settle();
    const started = (): boolean[] =>
      [running, large, ...small].map((work) => work?.state.started ?? false);
    expect(started()).toEqual([true, false, true, true, false]);
    small[0]?.finish();
    await settle();
    expect(started()).toEqual([true, false, true, true, true]);
    running?.finish();
    await settle();
    expect(large?.state.started).toBe(true);
  });

  it('lets nothing pass what it would keep from its bytes', async () => {
    const admission = new Admission({ slots: 4, budgetBytes: 100 });
    const running = begin(admission, ticket({ bytes: 60 }));
    const large = begin(admission, ticket({ bytes: 70 }));
    const [first, second] = [20, 20].map((bytes) => begin(admission, ticket({ bytes })));
    await settle();
    // Two of them beside the large one are too much, though beside the one that runs they are not.
    expect([first?.state.started, second?.state.started]).toEqual([true, false]);
    running.finish();
    await settle();
    expect([large.state.started, second?.state.started]).toEqual([true, false]);
    first?.finish();
    await settle();
    expect(second?.state.started).toBe(true);
  });

  it('lets nothing pass what has to run alone', async () => {
    const admission = new Admission({ slots: 4, budgetBytes: 100 });
    const [running, huge] = [10, 500].map((bytes) => begin(admission, ticket({ bytes })));
    const small = begin(admission, ticket({ bytes: 10 }));
    await settle();
    expect([huge?.state.started, small.state.started]).toEqual([false, false]);
    running?.finish();
    await settle();
    expect([huge?.state.started, small.state.started]).toEqual([true, false]);
  });

  it('calls those who wait behind one that leaves', async () => {
    const admission = new Admission({ slots: 2, budgetBytes: 100 });
    begin(admission, ticket({ bytes: 60 }));
    const client = new AbortController();
    const large = begin(admission, ticket({ bytes: 90, signal: client.signal }));
    const small = begin(admission, ticket({ bytes: 20 }));
    await settle();
    expect(small.state.started).toBe(false);
    client.abort(new Error('left'));
    await expect(large.done).rejects.toThrow('left');
    await settle();
    expect(small.state.started).toBe(true);
  });

  it('gives one client no more time than the other, however long its work takes', async () => {
    const admission = new Admission({ slots: 1, budgetBytes: 1e9 });
    const order: string[] = [];
    const run = async (client: string, ms: number): Promise<void> =>
      admission.run(ticket({ client, costClass: client }), async (begins) => {
        begins();
        order.push(client);
        if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
      });
    const heavy = Array.from({ length: 8 }, () => run('heavy', 150));
    const light = Array.from({ length: 50 }, () => run('light', 0));
    await Promise.all([...heavy, ...light]);
    const before = order.slice(0, order.lastIndexOf('light'));
    // By turns it would be all eight.
    expect(before.filter((client) => client === 'heavy').length).toBeLessThanOrEqual(3);
  });

  it('refuses at once what could only be late, and says when to come back', async () => {
    const admission = new Admission({ slots: 1, budgetBytes: 1e9 });
    for (let index = 0; index < 100; index += 1) begin(admission, ticket({ user: `${index}` }));
    const late = admission.run(ticket({ dueAt: performance.now() + 100 }), () => Promise.resolve());
    await expect(late).rejects.toMatchObject({
      code: 'overloaded',
      status: 503,
      // 99 wait and one runs, at the first guess of 40 ms each.
      retryAfterSeconds: 4,
    });
  });

  it('keeps a place only where the work would be in time', async () => {
    const admission = new Admission({ slots: 1, budgetBytes: 1e9 });
    const soon = performance.now() + 300;
    admission.reserve(turn('s'), soon)[Symbol.dispose]();
    for (let index = 0; index < 20; index += 1) begin(admission, ticket({ user: `${index}` }));
    await settle();
    expect(() => admission.reserve(turn('s'), soon)).toThrow(
      expect.objectContaining({ code: 'overloaded' }),
    );
    expect(() => admission.reserve(turn('another'), soon)).not.toThrow();
    expect(() => admission.reserve(turn('s'), performance.now() + 10_000)).not.toThrow();
  });

  it('counts those who are still fetching what they bring, until they have it', () => {
    const admission = new Admission({ slots: 1, budgetBytes: 1e9 });
    const dueAt = performance.now() + 10_000;
    const places: Disposable[] = [];
    expect(() => {
      for (let count = 0; count < 1000; count += 1)
        places.push(admission.reserve(turn('s'), dueAt));
    }).toThrow(expect.objectContaining({ code: 'overloaded' }));
    // At the first guess of 40 ms each, with the wait counted twice.
    expect(places.length).toBeGreaterThan(100);
    expect(places.length).toBeLessThan(130);
    for (const place of places) place[Symbol.dispose]();
    expect(() => admission.reserve(turn('s'), dueAt)).not.toThrow();
  });

  it('does not take the start of a renderer for the time that work takes', async () => {
    const admission = new Admission({ slots: 1, budgetBytes: 1e9 });
    await admission.run(ticket(), async (begins) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      begins();
    });
    for (let index = 0; index < 20; index += 1) begin(admission, ticket({ user: `${index}` }));
    await settle();
    // 20 times 300 ms would be too late, 20 times what the work took would not.
    expect(() => admission.reserve(turn('s'), performance.now() + 3000)).not.toThrow();
  });

  it('refuses whom nobody would work for, once others have waited in vain', async () => {
    const admission = new Admission({ slots: 1, budgetBytes: 1e9 });
    for (let turn = 0; turn < 12; turn += 1) {
      const inVain = admission.run(ticket(), async () => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        throw new Error('none came up');
      });
      await expect(inVain).rejects.toThrow('none came up');
    }
    for (let index = 0; index < 20; index += 1) begin(admission, ticket({ user: `${index}` }));
    await settle();
    expect(() => admission.reserve(turn('s'), performance.now() + 2500)).toThrow(
      expect.objectContaining({ code: 'overloaded' }),
    );
  });

  it('does not take what failed before it began for quick work', async () => {
    const admission = new Admission({ slots: 1, budgetBytes: 1e9 });
    for (let turn = 0; turn < 50; turn += 1) {
      const late = admission.run(ticket(), async () => {
        throw new Error('due before its turn');
      });
      await expect(late).rejects.toThrow('due before its turn');
    }
    for (let index = 0; index < 20; index += 1) begin(admission, ticket({ user: `${index}` }));
    await settle();
    // At the first guess of 40 ms each, with the wait counted twice.
    expect(() => admission.reserve(turn('s'), performance.now() + 1000)).toThrow(
      expect.objectContaining({ code: 'overloaded' }),
    );
  });

  it('calls a site next while another floods, which has had its turn', async () => {
    const admission = new Admission({ slots: 1, budgetBytes: 1e9 });
    const flood = Array.from({ length: 51 }, () => begin(admission, ticket({ site: 'flood' })));
    const quiet = begin(admission, ticket({ site: 'quiet', dueAt: performance.now() + 500 }));
    await settle();
    expect(quiet.state.started).toBe(false);
    flood[0]?.finish();
    await settle();
    expect(quiet.state.started).toBe(true);
    expect(admission.waiting).toBe(50);
  });

  it('calls a client next whose neighbour has filled the queue with one user after another', async () => {
    const admission = new Admission({ slots: 1, budgetBytes: 1e9 });
    const works = Array.from({ length: 3000 }, (_, user) =>
      begin(admission, ticket({ client: 'greedy', user: `${user}`, dueAt: Infinity })),
    );
    await settle();
    // Full for those who have filled it.
    expect(admission.waiting).toBe(2000);
    const soon = performance.now() + 1000;
    const modest = ticket({ client: 'modest', user: 'one more', dueAt: soon });
    const place = admission.reserve(modest, soon);
    const other = begin(admission, modest);
    place[Symbol.dispose]();
    await settle();
    expect(admission.waiting).toBe(2001);
    for (const work of works.slice(0, 2)) work.finish();
    await settle();
    expect(other.state.started).toBe(true);
  });

  it('forgets those who leave while they wait', async () => {
    const admission = new Admission({ slots: 1, budgetBytes: 1e9 });
    const running = begin(admission, ticket());
    const client = new AbortController();
    const waiting = begin(admission, ticket({ signal: client.signal }));
    await settle();
    client.abort(new Error('left'));
    await expect(waiting.done).rejects.toThrow('left');
    expect(admission.waiting).toBe(0);
    running.finish();
    await running.done;
    expect(waiting.state.started).toBe(false);
    expect(admission.running).toBe(0);
  });

  it('says how long the first has been waiting, and how often it refused, for which reason', async () => {
    const admission = new Admission({ slots: 1, budgetBytes: 1e9 });
    expect(admission.oldestWaitMs).toBe(0);
    const running = begin(admission, ticket());
    const waiting = begin(admission, ticket({ dueAt: performance.now() + 120 }));
    await expect.poll(() => admission.oldestWaitMs, { interval: 5 }).toBeGreaterThan(100);
    expect(() => admission.reserve(ticket(), performance.now())).toThrow('long');
    await expect(admission.run(ticket({ dueAt: 0 }), settle)).rejects.toThrow('long');
    running.finish();
    await expect(waiting.done).rejects.toThrow('long');
    expect(admission.oldestWaitMs).toBe(0);
    expect(admission.shed).toEqual({
      foreseen: 1,
      would_be_late: 1,
      became_late: 1,
      queue_full: 0,
    });
  });

  it('gives the slot back when the work fails', async () => {
    const admission = new Admission({ slots: 1, budgetBytes: 1e9 });
    await expect(
      admission.run(ticket(), () => Promise.reject(new Error('broken'))),
    ).rejects.toThrow('broken');
    expect(await admission.run(ticket(), () => Promise.resolve('fine'))).toBe('fine');
  });
});
