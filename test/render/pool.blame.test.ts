import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { card, lookAt } from '../support/cards.ts';
import {
  events,
  job,
  largeSlowJob,
  later,
  never,
  open,
  orders,
  pool,
  residentBytes,
  signalIt,
  slowJob,
  whileRendering,
} from './pool.fixture.ts';

const POLL = { interval: 5, timeout: 10_000 };

describe('the pool of renderers, when one of them dies or is late,', () => {
  it('gives a picture whose renderer died a second try, as often as that helps', async () => {
    open(1);
    const slow = await slowJob();
    for (const signal of ['SIGKILL', 'SIGSEGV'] as const) {
      const rendering = pool.render(slow, never);
      await whileRendering(() => signalIt(signal));
      expect((await lookAt(await rendering)).width).toBe(48);
    }
    expect(events.died).toEqual([slow.identity, slow.identity]);
    expect(events.quarantined).toEqual([]);
  });

  it('refuses a picture over which two renderers died, and no other', async () => {
    open(1);
    const slow = await slowJob();
    const rendering = pool.render(slow, never);
    rendering.catch(() => undefined);
    const [first] = pool.pids;
    await whileRendering(() => signalIt('SIGKILL'));
    await expect.poll(() => pool.pids[0] !== first).toBe(true);
    await whileRendering(() => signalIt('SIGKILL'));
    await expect(rendering).rejects.toMatchObject({ code: 'original_quarantined', status: 422 });
    expect(events.quarantined).toEqual([slow.identity]);

    // Refused without a renderer.
    const deaths = events.died.length;
    await expect(pool.render(slow, never)).rejects.toMatchObject({ code: 'original_quarantined' });
    expect(events.died).toHaveLength(deaths);
    const other = await pool.render(job(await card(8, 8).png().toBuffer()), never);
    expect((await lookAt(other)).width).toBe(48);
  });

  it('gives no second try to a picture over which another renderer has died meanwhile', async () => {
    open(2);
    await expect.poll(() => pool.up, { timeout: 15_000 }).toBe(2);
    const { pids } = pool;
    const renderings = [48, 60].map(
      async (size) => await pool.render(await slowJob({ size }), never),
    );
    const settled = Promise.allSettled(renderings);
    // In the middle of decoding, both of them.
    for (const pid of pids) {
      await expect.poll(() => residentBytes(pid), POLL).toBeGreaterThan(120e6);
      process.kill(pid, 'SIGSTOP');
    }
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    const outcomes = await settled;
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'original_quarantined' },
    });
  });

  it('quarantines a picture over which renderers stand still until its answers are due, twice', async () => {
    open(1);
    for (let turn = 0; turn < 2; turn += 1) {
      await expect.poll(() => pool.up, { timeout: 15_000 }).toBe(1);
      const rendering = pool.render(await slowJob({ dueAt: performance.now() + 2500 }), never);
      rendering.catch(() => undefined);
      await whileRendering(() => signalIt('SIGSTOP'));
      await expect(rendering).rejects.toMatchObject({ code: 'render_timeout' });
    }
    await expect(pool.render(await slowJob(), never)).rejects.toMatchObject({
      code: 'original_quarantined',
    });
  });

  it('says of a picture that it was too slow when one variant of it is, not when several together are', async () => {
    open(1);
    const standStill = async (sizes: readonly number[]): Promise<void> => {
      await expect.poll(() => pool.up, { timeout: 15_000 }).toBe(1);
      const jobs = await Promise.all(sizes.map((size) => largeSlowJob({ size })));
      const rendering = Promise.allSettled(jobs.map((each) => pool.render(each, never)));
      await whileRendering(() => signalIt('SIGSTOP'));
      for (const each of await rendering) {
        expect(each).toMatchObject({ reason: { code: 'render_timeout' } });
      }
    };
    for (const sizes of [[48, 96], [48]]) await standStill(sizes);
    expect(events.died).toHaveLength(2);
    expect(events.quarantined).toEqual([]);

    // Until one succeeds each is ordered alone.
    const both = await Promise.all([48, 96].map((size) => largeSlowJob({ size, dueAt: later() })));
    await Promise.all(both.map((each) => pool.render(each, never)));
    expect(orders).toBe(2);
    for (let turn = 0; turn < 2; turn += 1) await standStill([48]);
    expect(events.quarantined).toHaveLength(1);
  }, 60_000);

  it('does not blame a picture for a machine that has no time for it', async () => {
    open(1);
    for (let turn = 0; turn < 3; turn += 1) {
      await expect.poll(() => pool.up, { timeout: 15_000 }).toBe(1);
      const dueAt = performance.now() + 3000;
      const rendering = pool.render(await slowJob({ dueAt }), never);
      rendering.catch(() => undefined);
      await whileRendering(() => signalIt('SIGSTOP'));
      // Given the processor at last, and too late.
      setTimeout(() => signalIt('SIGCONT'), dueAt - performance.now() - 50);
      await expect(rendering).rejects.toMatchObject({ code: 'render_timeout' });
    }
    expect(events.died).toHaveLength(3);
    expect(events.quarantined).toEqual([]);
    expect((await lookAt(await pool.render(await slowJob(), never))).width).toBe(48);
  }, 60_000);

  it('kills a renderer that hangs when the answer is due, and has another for the next', async () => {
    open(1);
    const slow = await slowJob({ dueAt: performance.now() + 3000 });
    const rendering = pool.render(slow, never);
    rendering.catch(() => undefined);
    const [hung] = pool.pids;
    await whileRendering(() => signalIt('SIGSTOP'));
    await expect(rendering).rejects.toMatchObject({ code: 'render_timeout', status: 504 });
    const variant = await pool.render(job(await card(8, 8).png().toBuffer()), never);
    expect((await lookAt(variant)).width).toBe(48);
    expect(pool.pids).not.toContain(hung);
    expect(() => process.kill(hung ?? 0, 0)).toThrow('ESRCH');
  });

  it('harms no renderer for what was due before its turn, as when its original was long in coming', async () => {
    open(1);
    await expect.poll(() => pool.up, { timeout: 15_000 }).toBe(1);
    const { pids } = pool;
    const late = job(await card(8, 8).png().toBuffer(), { dueAt: performance.now() - 500 });
    await expect(pool.render(late, never)).rejects.toMatchObject({ code: 'render_timeout' });
    expect(events.died).toEqual([]);
    await pool.render(job(late.original.bytes), never);
    expect(pool.pids).toEqual(pids);
  });

  it('kills a renderer that takes more memory than it may', async () => {
    open(1);
    // A kilobyte that decodes to 49 million pixels of AVIF, 900 MB: the header check would refuse it.
    const bomb = await sharp({
      create: { width: 6000, height: 6000, channels: 3, background: '#888' },
    })
      .avif({ effort: 0, quality: 1 })
      .toBuffer();
    await expect(pool.render(job(bomb), never)).rejects.toMatchObject({
      code: 'original_quarantined',
    });
    expect(events.died).toHaveLength(2);
  });
});
