import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inOrder } from '../../src/flow/in-order.ts';

async function* upTo(end: number): AsyncGenerator<number> {
  for (let thing = 0; thing < end; thing += 1) yield await Promise.resolve(thing);
}

describe('inOrder', () => {
  it('gives results in the order of the things, whichever is done first', async () => {
    const results: number[] = [];
    const work = async (thing: number): Promise<number> => {
      await sleep(thing % 3 === 0 ? 5 : 0);
      return thing;
    };
    for await (const result of inOrder(upTo(20), 4, work)) results.push(result);
    expect(results).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  it('begins no more than it may', async () => {
    let begun = 0;
    let given = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      begun += 1;
      most = Math.max(most, begun - given);
      await sleep(1);
    };
    for await (const _ of inOrder(upTo(30), 5, work)) given += 1;
    expect(given).toBe(30);
    expect(most).toBe(5);
  });

  it('throws when it is the turn of what failed, and not before', async () => {
    const results: number[] = [];
    const work = async (thing: number): Promise<number> => {
      if (thing === 2) throw new Error('the third');
      await sleep(2);
      return thing;
    };
    await expect(async () => {
      for await (const result of inOrder(upTo(10), 5, work)) results.push(result);
    }).rejects.toThrow('the third');
    expect(results).toEqual([0, 1]);
  });
});
