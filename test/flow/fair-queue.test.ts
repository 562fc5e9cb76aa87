import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue, type Turn } from '../../src/flow/fair-queue.ts';

function turn(site: string, user = 'u'): Turn {
  return { site, client: 'c', user };
}

function drain<Item>(queue: FairQueue<Item>): Item[] {
  const items: Item[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) items.push(item);
  return items;
}

describe('the fair queue', () => {
  it('serves one user in order', () => {
    const queue = new FairQueue<number>();
    for (const item of [1, 2, 3]) queue.push(turn('site'), item);
    expect(drain(queue)).toEqual([1, 2, 3]);
  });

  it('lets sites take turns, however much one of them asks', () => {
    const queue = new FairQueue<string>();
    for (let index = 0; index < 100; index += 1)
      queue.push(turn('flood', `u${index}`), `f${index}`);
    queue.push(turn('quiet'), 'q0');
    queue.push(turn('quiet'), 'q1');
    expect(drain(queue).slice(0, 4)).toEqual(['f0', 'q0', 'f1', 'q1']);
  });

  it('lets the users of a site take turns', () => {
    const queue = new FairQueue<string>();
    for (let index = 0; index < 10; index += 1) queue.push(turn('site', 'greedy'), `g${index}`);
    queue.push(turn('site', 'modest'), 'm');
    expect(drain(queue).slice(0, 3)).toEqual(['g0', 'm', 'g1']);
  });

  it('lets the clients of a site take turns, however many users one of them asks for', () => {
    const queue = new FairQueue<string>();
    for (let index = 0; index < 100; index += 1) {
      queue.push({ site: 's', client: 'flood', user: `u${index}` }, `f${index}`);
    }
    const quiet = { site: 's', client: 'quiet', user: 'u1' };
    expect(queue.ahead(quiet)).toBe(1);
    queue.push(quiet, 'q0');
    queue.push(quiet, 'q1');
    expect(drain(queue).slice(0, 4)).toEqual(['f0', 'q0', 'f1', 'q1']);
  });

  it('tells a newcomer how many go before it', () => {
    const queue = new FairQueue<number>();
    for (let index = 0; index < 100; index += 1) queue.push(turn('flood'), index);
    expect(queue.ahead(turn('flood'))).toBe(100);
    expect(queue.ahead(turn('quiet'))).toBe(1);
  });

  it('keeps its word: who comes next is served after no more than were told', () => {
    const member = fc.record({
      site: fc.constantFrom('a', 'b'),
      client: fc.constantFrom('m', 'n', 'o'),
      user: fc.constantFrom('x', 'y', 'z'),
    });
    fc.assert(
      fc.property(fc.array(member), member, (members, newcomer) => {
        const queue = new FairQueue<object>();
        for (const each of members) queue.push(each, { ...each });
        const told = queue.ahead(newcomer);
        queue.push(newcomer, newcomer);
        expect(drain(queue).indexOf(newcomer)).toBeLessThanOrEqual(told);
      }),
    );
  });

  it('loses nothing and repeats nothing, whatever is pushed and removed', () => {
    const member = fc.record({
      site: fc.constantFrom('a', 'b', 'c'),
      client: fc.constantFrom('m', 'n'),
      user: fc.constantFrom('x', 'y'),
      isRemoved: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(member), (members) => {
        const queue = new FairQueue<object>();
        for (const each of members) queue.push(each, each);
        for (const each of members) if (each.isRemoved) queue.remove(each, each);
        const kept = members.filter(({ isRemoved }) => !isRemoved);
        expect(queue.size).toBe(kept.length);
        const served = drain(queue);
        expect(served).toHaveLength(kept.length);
        expect(new Set(served)).toEqual(new Set(kept));
        expect(queue.size).toBe(0);
      }),
    );
  });
});
