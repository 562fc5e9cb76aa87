import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue, type Turn } from '../../src/flow/fair-queue.ts';

/** What each of those takes whose time does not matter. */
const MS = 40;

function turn(site: string, user = 'u'): Turn {
  return { site, client: 'c', user };
}

type Member = Turn & { readonly ms: number };

function push(queue: FairQueue<Member>, members: readonly Member[]): void {
  for (const member of members) queue.push(member, member, member.ms);
}

/** At most so many, in the order they are served. */
function serve<Item extends Turn>(queue: FairQueue<Item>, count = Infinity): Item[] {
  const served: Item[] = [];
  while (served.length < count) {
    const item = queue.advance();
    if (item === undefined) break;
    queue.serve(item, item);
    served.push(item);
  }
  return served;
}

function total(members: readonly Member[]): number {
  return members.reduce((sum, { ms }) => sum + ms, 0);
}

/** So many of them, alike but for their users where none is named. */
function crowd(count: number, member: Omit<Member, 'user'>, user?: string): Member[] {
  return Array.from({ length: count }, (_, index) => ({ ...member, user: user ?? `u${index}` }));
}

describe('the fair queue', () => {
  it('serves one user in order', () => {
    const queue = new FairQueue<Member>();
    const members = [10, 20, 30].map((ms) => ({ ...turn('site'), ms }));
    push(queue, members);
    expect(serve(queue)).toEqual(members);
  });

  it('lets sites take turns, however much one of them asks', () => {
    const queue = new FairQueue<Member>();
    push(queue, crowd(100, { site: 'flood', client: 'c', ms: MS }));
    push(queue, crowd(2, { site: 'quiet', client: 'c', ms: MS }));
    const sites = serve(queue, 4).map(({ site }) => site);
    expect(sites).toEqual(['flood', 'quiet', 'flood', 'quiet']);
  });

  it('lets the users of a site take turns', () => {
    const queue = new FairQueue<Member>();
    const member = { site: 's', client: 'c', ms: MS };
    push(queue, crowd(10, member, 'greedy'));
    push(queue, crowd(1, member, 'modest'));
    expect(serve(queue, 3).map(({ user }) => user)).toEqual(['greedy', 'modest', 'greedy']);
  });

  it('lets the clients of a site take turns, however many users one of them asks for', () => {
    const queue = new FairQueue<Member>();
    push(queue, crowd(100, { site: 's', client: 'flood', ms: MS }));
    const quiet = { site: 's', client: 'quiet', ms: MS };
    expect(queue.aheadMs({ ...quiet, user: 'u1' })).toBe(MS);
    push(queue, crowd(2, quiet));
    const clients = serve(queue, 4).map(({ client }) => client);
    expect(clients).toEqual(['flood', 'quiet', 'flood', 'quiet']);
  });

  it.each(['site', 'client', 'user'] as const)(
    'gives each %s as much time as the other, however long its work takes',
    (what) => {
      const queue = new FairQueue<Member>();
      const member = { ...turn('s'), ms: 0 };
      push(queue, several(20, { ...member, [what]: 'heavy', ms: 1000 }));
      push(queue, several(900, { ...member, [what]: 'light', ms: 30 }));
      const served = serve(queue, 300);
      const of = (name: string): Member[] => served.filter((each) => each[what] === name);
      expect(Math.abs(total(of('heavy')) - total(of('light')))).toBeLessThanOrEqual(1000);
      expect(serve(queue)).toHaveLength(620);
    },
  );

  it('remembers who was given much and comes back for more, until others have had as much', () => {
    const queue = new FairQueue<Member>();
    const heavy = { ...turn('s'), client: 'heavy', ms: 1000 };
    const light = { ...turn('s'), client: 'light', ms: 30 };
    push(queue, [heavy]);
    expect(serve(queue)).toEqual([heavy]);
    for (let round = 0; round < 30; round += 1) {
      push(queue, [copy(heavy), light]);
      const [next] = serve(queue, 1);
      expect(next?.client, `round ${round}`).toBe('light');
      for (const item of queue.all()) queue.remove(item, item);
    }
    // All alone it waits for nobody.
    push(queue, [heavy]);
    expect(serve(queue)).toEqual([heavy]);
  });

  it('takes what work took for what it was expected to take', () => {
    const queue = new FairQueue<Member>();
    push(queue, several(30, { ...turn('one'), ms: 100 }));
    push(queue, several(60, { ...turn('other'), ms: 100 }));
    let [ones, others] = [0, 0];
    for (const item of serveEach(queue, 40)) {
      // One takes three times as long as expected, the other half as long.
      const took = item.site === 'one' ? 300 : 50;
      queue.charge(item, took - item.ms);
      if (item.site === 'one') ones += took;
      else others += took;
    }
    expect(Math.abs(ones - others)).toBeLessThanOrEqual(300);
  });

  it('gives nobody credit for what it paid off while no other waited', () => {
    const queue = new FairQueue<Member>();
    const first = { ...turn('s'), client: 'first', ms: 1000 };
    push(queue, [first]);
    serve(queue);
    const next = { ...first, ms: 10 };
    push(queue, [next]);
    // With nobody else in the queue, the whole second is paid off at once.
    queue.advance();
    // Then it turns out that it took 10 ms.
    queue.charge(first, -990);
    push(queue, crowd(40, next, 'u'));
    push(queue, crowd(40, { ...next, client: 'other' }, 'u'));
    const others = serve(queue, 20).filter(({ client }) => client === 'other');
    expect(others.length).toBeGreaterThanOrEqual(8);
  });

  it('tells a newcomer how long those take that go before it', () => {
    const queue = new FairQueue<Member>();
    push(queue, crowd(100, { site: 'flood', client: 'c', ms: 1000 }, 'u'));
    expect(queue.aheadMs(turn('flood'))).toBe(100_000);
    expect(queue.aheadMs(turn('quiet'))).toBe(1000);
    serve(queue, 1);
    // Now the flood owes a second.
    expect(queue.aheadMs(turn('quiet'))).toBe(0);
    expect(queue.aheadMs(turn('flood'))).toBe(99_000);
  });

  const anyone = {
    site: fc.constantFrom('a', 'b'),
    client: fc.constantFrom('m', 'n', 'o'),
    user: fc.constantFrom('x', 'y', 'z'),
  };

  it('keeps its word: who comes next is served after no more than was told', () => {
    const member = fc.record({ ...anyone, ms: fc.constant(MS) });
    fc.assert(
      fc.property(fc.array(member), member, (members, newcomer) => {
        const queue = new FairQueue<Member>();
        push(queue, members.map(copy));
        const told = queue.aheadMs(newcomer);
        push(queue, [newcomer]);
        const served = serve(queue);
        expect(total(served.slice(0, served.indexOf(newcomer)))).toBeLessThanOrEqual(told);
      }),
    );
  });

  it('loses nothing and repeats nothing, whatever is pushed, removed and charged', () => {
    const member = fc.record({
      ...anyone,
      ms: fc.constantFrom(1, 7.5, 300),
      isRemoved: fc.boolean(),
      charged: fc.constantFrom(0, -50, 999),
    });
    fc.assert(
      fc.property(fc.array(member), (members) => {
        const queue = new FairQueue<Member>();
        push(queue, members);
        for (const each of members) {
          queue.charge(each, each.charged);
          if (each.isRemoved) queue.remove(each, each);
        }
        const kept = members.filter(({ isRemoved }) => !isRemoved);
        expect(queue.size).toBe(kept.length);
        expect(queue.ms).toBeCloseTo(total(kept));
        expect(new Set(queue.all())).toEqual(new Set(kept));
        const served = serve(queue);
        expect(served).toHaveLength(kept.length);
        expect(new Set(served)).toEqual(new Set(kept));
        expect([queue.size, queue.ms]).toEqual([0, 0]);
      }),
    );
  });
});

function several(count: number, member: Member): Member[] {
  return Array.from({ length: count }, () => copy(member));
}

function copy(member: Member): Member {
  return { ...member };
}

/** As `serve`, with what happens between one and the next. */
function* serveEach(queue: FairQueue<Member>, count: number): Generator<Member> {
  for (let index = 0; index < count; index += 1) yield* serve(queue, 1);
}
