import { describe, expect, it } from 'vitest';
import { Slots } from '../../src/flow/slots.ts';

const never = new AbortController().signal;

describe('slots', () => {
  it('never run more at once than there are, and run all', async () => {
    const slots = new Slots(3);
    let running = 0;
    let most = 0;
    let total = 0;
    const work = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      total += 1;
    };
    await Promise.all(Array.from({ length: 20 }, () => slots.run(never, work)));
    expect({ most, total, running }).toEqual({ most: 3, total: 20, running: 0 });
  });

  it('let those who left go, and lose no slot over them', async () => {
    const slots = new Slots(1);
    const first = Promise.withResolvers<void>();
    const running = slots.run(never, () => first.promise);
    const client = new AbortController();
    const waiting = slots.run(client.signal, () => Promise.resolve('late'));
    client.abort(new Error('left'));
    await expect(waiting).rejects.toThrow('left');
    first.resolve();
    await running;
    expect(await slots.run(never, () => Promise.resolve('free'))).toBe('free');
  });
});
