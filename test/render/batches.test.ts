import { describe, expect, it } from 'vitest';
import { type Batch, Batches } from '../../src/render/batches.ts';
import type { VariantOrder } from '../../src/render/protocol.ts';

const never = new AbortController().signal;

function sized(size: number): VariantOrder {
  return { size, format: 'png' };
}

function join(batch: Batch, size: number, signal = never, dueAt = Infinity): Promise<Buffer> {
  return batch.join({ order: sized(size), dueAt }, signal);
}

describe('batches', () => {
  it('are joined until they are closed', () => {
    const batches = new Batches();
    const first = batches.find('a', sized(48));
    expect(first.isNew).toBe(true);
    expect(batches.find('a', sized(48))).toEqual({ batch: first.batch, isNew: false });
    expect(batches.find('b', sized(48)).batch).not.toBe(first.batch);
    batches.close('a', first.batch);
    expect(batches.find('a', sized(48))).toMatchObject({ isNew: true });
  });

  it('are followed by another when they are full', async () => {
    const batches = new Batches();
    const { batch } = batches.find('a', sized(48));
    const members = Array.from({ length: 32 }, (_, size) => join(batch, size));
    expect(batch.canBeJoined(sized(1))).toBe(false);
    expect(batches.find('a', sized(48))).toMatchObject({ isNew: true });
    batch.succeed(members.map((_, index) => Buffer.from([index])));
    expect((await Promise.all(members)).map((variant) => variant[0])).toEqual(
      members.map((_, index) => index),
    );
  });

  it('hold four of the largest size at the most, and many of the smaller ones', async () => {
    const batches = new Batches();
    const { batch } = batches.find('a', sized(1000));
    const members: Promise<Buffer>[] = [];
    for (let count = 0; count < 4; count += 1) {
      expect(batches.find('a', sized(1000))).toEqual({ batch, isNew: false });
      members.push(join(batch, 1000));
    }
    expect(batches.find('a', sized(1000))).toMatchObject({ isNew: true });

    const small = batches.find('b', sized(24)).batch;
    for (let size = 24; size <= 360; size += 18) {
      expect(batches.find('b', sized(size))).toEqual({ batch: small, isNew: false });
      members.push(join(small, size));
    }
    for (const each of [batch, small]) each.succeed(each.orders.map(() => Buffer.of()));
    await Promise.all(members);
  });

  it('hold fewer GIFs, which take longer to encode', async () => {
    const batches = new Batches();
    const gif = { size: 500, format: 'gif' } as const;
    const { batch } = batches.find('a', gif);
    // A second each, in the largest size.
    const members = [gif, gif, gif, gif].map((order) =>
      batch.join({ order, dueAt: Infinity }, never),
    );
    expect(batches.find('a', gif)).toMatchObject({ isNew: true });
    batch.succeed(members.map(() => Buffer.of()));
    await Promise.all(members);
  });

  it('are due when the last of their members is, and joined by nobody once they are begun', async () => {
    const batches = new Batches();
    const { batch } = batches.find('a', sized(48));
    const members = [1000, 2000, 500].map((dueAt) => join(batch, 48, never, dueAt));
    expect(batch.dueAt).toBe(2000);
    batch.begin();
    expect(batches.find('a', sized(48))).toMatchObject({ isNew: true });
    batch.succeed(members.map(() => Buffer.of()));
    await Promise.all(members);
  });

  it('are called off when all have left, and not before; who comes then opens another', async () => {
    const batches = new Batches();
    const { batch } = batches.find('a', sized(48));
    const clients = [new AbortController(), new AbortController()];
    const members = clients.map(({ signal }) => join(batch, 48, signal));
    clients[0]?.abort(new Error('left'));
    await expect(members[0]).rejects.toThrow('left');
    expect(batch.signal.aborted).toBe(false);
    clients[1]?.abort(new Error('left'));
    await expect(members[1]).rejects.toThrow('left');
    expect(batch.signal.aborted).toBe(true);
    expect(batches.find('a', sized(48))).toMatchObject({ isNew: true });
  });

  it('fail whoever misses a variant in the reply', async () => {
    const { batch } = new Batches().find('a', sized(48));
    const members = [24, 48].map((size) => join(batch, size));
    batch.succeed([Buffer.from('24')]);
    expect((await members[0])?.toString()).toBe('24');
    await expect(members[1]).rejects.toThrow('missing');
  });
});
