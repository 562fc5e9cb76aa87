import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { RenderJob } from '../../src/avatar/ports.ts';
import { card, lookAt } from '../support/cards.ts';
import {
  events,
  job,
  never,
  open,
  orders,
  pool,
  signalIt,
  slowJob,
  whileRendering,
} from './pool.fixture.ts';

/** Of a photo so large that its sizes are made from one decode. */
async function photoJob(changes: Partial<RenderJob> = {}): Promise<RenderJob> {
  photo ??= await card(2000, 1500).jpeg().toBuffer();
  const size = { width: 2000, height: 1500, frames: 1, decodedBytes: 1e6 } as const;
  return job(photo, { original: { bytes: photo, format: 'jpeg', ...size }, ...changes });
}
let photo: Buffer | undefined;

describe('variants of one original that come together', () => {
  it('renders the sizes of a large original that come together from as few decodes as serve them', async () => {
    open(2);
    const large = await photoJob();
    const sized = (size: number): RenderJob => ({ ...large, size });
    const sizes = Array.from({ length: 20 }, (_, index) => 24 + 18 * index);
    const together = await Promise.all(sizes.map((size) => pool.render(sized(size), never)));
    // To an eighth, a quarter and a half of it; the size beyond 360 pixels is made by itself.
    expect(orders).toBe(4);
    expect(events.rendered).toBe(20);
    for (const [index, size] of sizes.entries()) {
      expect((await lookAt(together[index] ?? Buffer.alloc(0))).width).toBe(size);
      const alone = await pool.render(sized(size), never);
      expect(alone.equals(together[index] ?? Buffer.alloc(0)), `${size}`).toBe(true);
    }
  });

  it('loses no picture to one who asks for many of its largest sizes at once', async () => {
    open(1);
    const edge = 512;
    const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
    const create = { width: edge, height: edge, channels: 3, background: '#000', noise } as const;
    const bytes = await sharp({ create }).png().toBuffer();
    const original = { bytes, format: 'png', width: edge, height: edge, frames: 1 } as const;
    const large = Array.from({ length: 32 }, (_, index) =>
      job(bytes, {
        original: { ...original, decodedBytes: 1e6 },
        size: 969 + index,
        format: 'webp',
        dueAt: performance.now() + 60_000,
      }),
    );
    const variants = await Promise.all(large.map((each) => pool.render(each, never)));
    expect(variants).toHaveLength(32);
    expect(events.died).toEqual([]);
    expect(events.quarantined).toEqual([]);
  }, 60_000);

  it('takes the sizes of a small original in one order as well, where it is told to', async () => {
    const bytes = await card(900, 900).png().toBuffer();
    const variants = [24, 48, 144, 360].flatMap((size) => [
      job(bytes, { size }),
      job(bytes, { size, format: 'webp' }),
    ]);
    const renderAll = (): Promise<Buffer[]> =>
      Promise.all(variants.map((variant) => pool.render(variant, never)));
    open(1);
    const each = await renderAll();
    expect(orders).toBe(8);
    await pool.close();
    open(1, true);
    const together = await renderAll();
    expect(orders).toBe(1);
    expect(together.map(({ length }) => length)).toEqual(each.map(({ length }) => length));
    expect(Buffer.concat(together).equals(Buffer.concat(each))).toBe(true);
  });

  it('gives each decode of such an order its time', async () => {
    open(1, true);
    // Half a second each, and more than the six seconds of a single one together.
    const sizes = Array.from({ length: 10 }, (_, index) => 24 + index);
    const slow = await Promise.all(
      sizes.map((size) => slowJob({ size, dueAt: performance.now() + 60_000 })),
    );
    const own = slow.map(({ original, ...rest }) => ({
      ...rest,
      original: { ...original, width: 1000, height: 1000 },
    }));
    const variants = await Promise.all(own.map((each) => pool.render(each, never)));
    expect(orders).toBe(1);
    expect((await lookAt(variants.at(-1) ?? Buffer.alloc(0))).width).toBe(sizes.at(-1));
  }, 60_000);

  it('renders on for those of a batch who stay when others leave, and fails all alike', async () => {
    open(1);
    const whole = await photoJob();
    const sized = (size: number, changes: Partial<RenderJob> = {}): RenderJob => ({
      ...whole,
      size,
      ...changes,
    });
    const client = new AbortController();
    const leaving = pool.render(sized(48), client.signal);
    const staying = pool.render(sized(96), never);
    client.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    expect((await lookAt(await staying)).width).toBe(96);

    const { original } = whole;
    const broken = { ...original, bytes: original.bytes.subarray(0, 2000) };
    const failing = [48, 96].map((size) =>
      pool.render(sized(size, { original: broken, identity: 'broken' }), never),
    );
    const results = await Promise.allSettled(failing);
    expect(results).toMatchObject([
      { status: 'rejected', reason: { code: 'original_corrupt' } },
      { status: 'rejected', reason: { code: 'original_corrupt' } },
    ]);
  });

  it('gives a batch the time of all its members: who opened it may have none left', async () => {
    open(1);
    const running = pool.render(await slowJob(), never);
    await whileRendering(() => signalIt('SIGSTOP'));
    const openedTill = performance.now() + 1000;
    const opening = await photoJob({ size: 48, dueAt: openedTill });
    const opener = Promise.allSettled([pool.render(opening, never)]);
    await expect.poll(() => pool.waiting).toBe(1);
    const joiner = pool.render(await photoJob({ size: 96 }), never);
    joiner.catch(() => undefined);
    await expect.poll(() => performance.now(), { timeout: 5000 }).toBeGreaterThan(openedTill);
    signalIt('SIGCONT');
    expect((await lookAt(await joiner)).width).toBe(96);
    await Promise.all([running, opener]);
  });

  it('does not refuse one who joined the batch of another for the length of the line of that one', async () => {
    open(1);
    const small = await card(8, 8).png().toBuffer();
    const large = await photoJob();
    const running = pool.render(await slowJob(), never);
    await whileRendering(() => signalIt('SIGSTOP'));
    const flood = Promise.allSettled(
      Array.from({ length: 300 }, () => pool.render(job(small, { client: 'flood' }), never)),
    );
    const [refused, joined] = ['flood', 'visitor'].map((client, index) =>
      pool.render({ ...large, size: 48 + index, client }, never),
    );
    joined?.catch(() => undefined);
    await expect(refused).rejects.toMatchObject({ code: 'overloaded' });
    signalIt('SIGCONT');
    expect((await lookAt((await joined) ?? Buffer.of())).width).toBe(49);
    await Promise.all([running, flood]);
  });
});
