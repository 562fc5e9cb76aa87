import { describe, expect, it } from 'vitest';
import { Batches } from '../../src/render/batches.ts';

const never = new AbortController().signal;

describe('batches', () => {
  it('are joined until they are closed', () => {
    const batches = new Batches();
    const first = batches.find('a');
    expect(first.isNew).toBe(true);
    expect(batches.find('a')).toEqual({ batch: first.batch, isNew: false });
    expect(batches.find('b').batch).not.toBe(first.batch);
    batches.close('a', first.batch);
    expect(batches.find('a')).toMatchObject({ isNew: true });
  });

  it('are followed by another when they are full', async () => {
    const batches = new Batches();
    const { batch } = batches.find('a');
    const members = Array.from({ length: 32 }, (_, size) =>
      batch.join({ size, format: 'png' }, never),
    );
    expect(batch.canBeJoined).toBe(false);
    expect(batches.find('a')).toMatchObject({ isNew: true });
    batch.succeed(members.map((_, index) => Buffer.from([index])));
    expect((await Promise.all(members)).map((variant) => variant[0])).toEqual(
      members.map((_, index) => index),
    );
  });

  it('are called off when all have left, and not before; who comes then opens another', async () => {
    const batches = new Batches();
    const { batch } = batches.find('a');
    const clients = [new AbortController(), new AbortController()];
    const members = clients.map(({ signal }) => batch.join({ size: 48, format: 'png' }, signal));
    clients[0]?.abort(new Error('left'));
    await expect(members[0]).rejects.toThrow('left');
    expect(batch.signal.aborted).toBe(false);
    clients[1]?.abort(new Error('left'));
    await expect(members[1]).rejects.toThrow('left');
    expect(batch.signal.aborted).toBe(true);
    expect(batches.find('a')).toMatchObject({ isNew: true });
  });

  it('fail whoever misses a variant in the reply', async () => {
    const { batch } = new Batches().find('a');
    const members = [24, 48].map((size) => batch.join({ size, format: 'png' }, never));
    batch.succeed([Buffer.from('24')]);
    expect((await members[0])?.toString()).toBe('24');
    await expect(members[1]).rejects.toThrow('missing');
  });
});
