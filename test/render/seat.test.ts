import { afterEach, describe, expect, it } from 'vitest';
import { Underway } from '../../src/flow/underway.ts';
import { Seat, type SeatLimits } from '../../src/render/seat.ts';
import { card, lookAt } from '../support/cards.ts';

const limits: SeatLimits = {
  memoryCapBytes: 640e6,
  memoryKeptBytes: 640e6,
  rendersPerProcess: 1e6,
};

let seat: Seat;

function open(changes: Partial<SeatLimits>): Seat {
  seat = new Seat({ ...limits, ...changes }, new Underway(), (reason) => {
    throw reason;
  });
  return seat;
}

afterEach(() => seat.close());

describe('a seat whose renderers are replaced', () => {
  it.each([
    ['after each render', { rendersPerProcess: 1 }],
    ['for the memory they keep', { memoryKeptBytes: 1 }],
  ])('%s loses no order over it', async (_why, changes) => {
    open(changes);
    const original = await card(1200, 900).jpeg().toBuffer();
    const pids = new Set<number | undefined>();
    const deadline = Date.now() + 15_000;
    // How many renders the old one does beside its starting successor depends on the machine.
    for (let turn = 0; pids.size < 3 && Date.now() < deadline; turn += 1) {
      const size = 20 + (turn % 120);
      const order = { kind: 'picture', variants: [{ size, format: 'png' }] } as const;
      const [variant] = await seat.render(order, original, 10_000);
      expect((await lookAt(variant ?? Buffer.alloc(0))).width).toBe(size);
      pids.add(seat.pid);
    }
    expect(pids.size).toBe(3);
  });

  it('keeps a renderer that has done little', async () => {
    open({});
    const original = await card(90, 90).png().toBuffer();
    const order = { kind: 'picture', variants: [{ size: 48, format: 'png' }] } as const;
    await seat.render(order, original, 10_000);
    const { pid } = seat;
    for (let count = 0; count < 20; count += 1) await seat.render(order, original, 10_000);
    expect(seat.pid).toBe(pid);
  });
});

describe('a seat whose renderer was killed for being late', () => {
  it('gives the next order to the next renderer, not to the dying one', async () => {
    open({});
    const original = await card(90, 90).png().toBuffer();
    const order = (size: number) =>
      ({ kind: 'picture', variants: [{ size, format: 'png' }] }) as const;
    await seat.render(order(48), original, 10_000);
    for (let turn = 0; turn < 3; turn += 1) {
      const late = seat.pid;
      process.kill(late ?? 0, 'SIGSTOP');
      const timeUp = { code: 'render_timeout' };
      await expect(seat.render(order(48), original, 50)).rejects.toMatchObject(timeUp);
      const [variant] = await seat.render(order(60 + turn), original, 10_000);
      expect((await lookAt(variant ?? Buffer.alloc(0))).width).toBe(60 + turn);
      expect(seat.pid).not.toBe(late);
    }
  });
});
