import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import type { RenderJob } from '../../src/avatar/ports.ts';
import { RenderPool } from '../../src/render/pool.ts';
import { card, distanceFromCard, lookAt } from '../support/cards.ts';

const never = new AbortController().signal;

type Events = { died: string[]; quarantined: string[]; rendered: number };

let pool: RenderPool;
let events: Events;
/** Given to renderers and carried out. */
let orders: number;

function open(renderers: number, inSets = false): RenderPool {
  orders = 0;
  events = { died: [], quarantined: [], rendered: 0 };
  pool = new RenderPool(
    { renderers, decodedBytes: 400e6, inSets },
    {
      rendered: (variants) => {
        events.rendered += variants;
        orders += 1;
      },
      died: (identity) => events.died.push(identity),
      quarantined: (identity) => events.quarantined.push(identity),
      failedStart: (reason) => {
        throw reason;
      },
    },
  );
  return pool;
}

afterEach(() => pool.close());

function job(bytes: Buffer, changes: Partial<RenderJob> = {}): RenderJob {
  return {
    original: { bytes, format: 'png', width: 900, height: 900, frames: 1, decodedBytes: 1e6 },
    size: 48,
    format: 'png',
    identity: createHash('sha256').update(bytes).digest('hex'),
    site: 's',
    client: 'c',
    user: 'u',
    dueAt: later(),
    ...changes,
  };
}

/** Takes a renderer half a second and 200 MB. */
async function slowJob(changes: Partial<RenderJob> = {}): Promise<RenderJob> {
  slowOriginal ??= await sharp({
    create: { width: 5000, height: 5000, channels: 4, background: '#8888' },
  })
    .toColourspace('rgb16')
    .png({ progressive: true, compressionLevel: 1 })
    .toBuffer();
  return job(slowOriginal, changes);
}
let slowOriginal: Buffer | undefined;

/** The same, and known to be so large that its sizes are made from one decode. */
async function largeSlowJob(changes: Partial<RenderJob> = {}): Promise<RenderJob> {
  const slow = await slowJob({ dueAt: performance.now() + 2000, ...changes });
  return { ...slow, original: { ...slow.original, width: 5000, height: 5000 } };
}

function later(): number {
  return performance.now() + 15_000;
}

/** Waits until the renderer is in the middle of decoding, as its memory tells. */
async function whileRendering(action: () => void): Promise<void> {
  const grown = (): boolean => pool.pids.some((pid) => residentBytes(pid) > 120e6);
  await expect.poll(grown, { interval: 10, timeout: 10_000 }).toBe(true);
  action();
}

function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch {
    // Just gone.
    return 0;
  }
}

/** The one at work, of a pool of one. */
function signalIt(signal: NodeJS.Signals): void {
  const [pid] = pool.pids;
  if (pid === undefined) throw new Error('there is none');
  process.kill(pid, signal);
}

describe('the pool of renderers', () => {
  it('renders many pictures at once, each as it should be', async () => {
    open(2);
    const original = await card(80, 80).png().toBuffer();
    const variants = await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        pool.render(job(original, { size: 20 + index }), never),
      ),
    );
    for (const [index, variant] of variants.entries()) {
      const picture = await lookAt(variant);
      expect(picture.width).toBe(20 + index);
      expect(distanceFromCard(picture.corners)).toBeLessThan(12);
    }
    expect(events.rendered).toBe(24);
    expect([pool.running, pool.waiting]).toEqual([0, 0]);
  });

  it('keeps its renderer over many small pictures: their pixels do not pile up in it', async () => {
    open(1);
    const bytes = await card(400, 400).jpeg().toBuffer();
    await pool.render(job(bytes), never);
    const { pids } = pool;
    for (let round = 0; round < 100; round += 1) {
      const jobs = Array.from({ length: 8 }, () => job(bytes, { size: 360 }));
      await Promise.all(jobs.map((each) => pool.render(each, never)));
    }
    expect(pool.pids).toEqual(pids);
    expect(Math.max(...pids.map(residentBytes))).toBeLessThan(125e6);
  }, 30_000);

  it('renders the sizes of a large original that come together from one decode', async () => {
    open(2);
    const bytes = await card(2000, 1500).jpeg().toBuffer();
    const original = { bytes, format: 'jpeg', width: 2000, height: 1500, frames: 1 } as const;
    const sized = (size: number): RenderJob =>
      job(bytes, { original: { ...original, decodedBytes: 1e6 }, size });
    const sizes = Array.from({ length: 20 }, (_, index) => 24 + 18 * index);
    const together = await Promise.all(sizes.map((size) => pool.render(sized(size), never)));
    // One decode up to 144 pixels, another above, up to 360; the one beyond is made by itself.
    expect(orders).toBe(3);
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

  it('calls what goes wrong with a letter a mistake of ours: there is no picture to blame', async () => {
    open(1);
    const letter = { letter: 'A', colour: [1, 2, 3], size: -5 } as const;
    const dueAt = performance.now() + 15_000;
    const drawn = pool.draw({ letter, format: 'png', site: 's', client: 'c', dueAt }, never);
    await expect(drawn).rejects.toMatchObject({ code: 'internal' });
    // The renderer is as good as before.
    expect(
      await pool.draw(
        { letter: { ...letter, size: 24 }, format: 'png', site: 's', client: 'c', dueAt },
        never,
      ),
    ).toBeInstanceOf(Buffer);
    expect(events.died).toEqual([]);
  });

  it('renders on for those of a batch who stay when others leave, and fails all alike', async () => {
    open(1);
    const bytes = await card(2000, 1500).jpeg().toBuffer();
    const original = { bytes, format: 'jpeg', width: 2000, height: 1500, frames: 1 } as const;
    const sized = (size: number, changes: Partial<RenderJob> = {}): RenderJob =>
      job(bytes, { original: { ...original, decodedBytes: 1e6 }, size, ...changes });
    const client = new AbortController();
    const leaving = pool.render(sized(48), client.signal);
    const staying = pool.render(sized(96), never);
    client.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    expect((await lookAt(await staying)).width).toBe(96);

    const broken = { ...original, bytes: bytes.subarray(0, 2000), decodedBytes: 1e6 };
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
    const bytes = await card(2000, 1500).jpeg().toBuffer();
    const original = { bytes, format: 'jpeg', width: 2000, height: 1500, frames: 1 } as const;
    const sized = (size: number, dueAt: number): RenderJob =>
      job(bytes, { original: { ...original, decodedBytes: 1e6 }, size, dueAt });
    const running = pool.render(await slowJob(), never);
    await whileRendering(() => signalIt('SIGSTOP'));
    const openedTill = performance.now() + 1000;
    const opener = Promise.allSettled([pool.render(sized(48, openedTill), never)]);
    await expect.poll(() => pool.waiting).toBe(1);
    const joiner = pool.render(sized(96, later()), never);
    joiner.catch(() => undefined);
    await expect.poll(() => performance.now(), { timeout: 5000 }).toBeGreaterThan(openedTill);
    signalIt('SIGCONT');
    expect((await lookAt(await joiner)).width).toBe(96);
    await Promise.all([running, opener]);
  });

  it('does not refuse one who joined the batch of another for the length of the line of that one', async () => {
    open(1);
    const small = await card(8, 8).png().toBuffer();
    const bytes = await card(2000, 1500).jpeg().toBuffer();
    const original = { bytes, format: 'jpeg', width: 2000, height: 1500, frames: 1 } as const;
    const large = { ...original, decodedBytes: 1e6 };
    const running = pool.render(await slowJob(), never);
    await whileRendering(() => signalIt('SIGSTOP'));
    const flood = Promise.allSettled(
      Array.from({ length: 300 }, () => pool.render(job(small, { client: 'flood' }), never)),
    );
    const [refused, joined] = ['flood', 'visitor'].map((client, index) =>
      pool.render(job(bytes, { original: large, size: 48 + index, client }), never),
    );
    joined?.catch(() => undefined);
    await expect(refused).rejects.toMatchObject({ code: 'overloaded' });
    signalIt('SIGCONT');
    expect((await lookAt((await joined) ?? Buffer.of())).width).toBe(49);
    await Promise.all([running, flood]);
  });

  it('does not take the time of large variants for that of small ones', async () => {
    open(1);
    const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
    const create = { width: 900, height: 900, channels: 3, background: '#000', noise } as const;
    const bytes = await sharp({ create }).jpeg().toBuffer();
    const sized = (size: number, withinMs: number): Promise<Buffer> => {
      const dueAt = performance.now() + withinMs;
      return pool.render(job(bytes, { size, format: 'webp', dueAt }), never);
    };
    for (let count = 0; count < 12; count += 1) await sized(900, 15_000);
    const small = await Promise.all(Array.from({ length: 60 }, () => sized(48, 8000)));
    expect((await lookAt(small[0] ?? Buffer.of())).width).toBe(48);
    expect(pool.shed.would_be_late).toBe(0);
  }, 30_000);

  it('answers what the decoder refuses, and goes on', async () => {
    open(1);
    await expect(pool.render(job(Buffer.from('no image')), never)).rejects.toMatchObject({
      code: 'original_corrupt',
      status: 422,
    });
    expect(events.died).toEqual([]);
    await expect(pool.render(job(await card(8, 8).png().toBuffer()), never)).resolves.toBeDefined();
  });

  it('does not call a picture damaged for which the machine has no memory', async () => {
    open(1);
    const create = { width: 3000, height: 3000, channels: 3, background: '#888' } as const;
    const bytes = await sharp({ create }).webp().toBuffer();
    await pool.render(job(await card(8, 8).webp().toBuffer()), never);
    const [pid = 0] = pool.pids;
    const [pages = 0] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ').map(Number);
    // Of address space: some is left for the renderer itself, and none for 34 MB of pixels.
    execFileSync('prlimit', ['--pid', `${pid}`, `--as=${pages * 4096 + 9e6}`]);
    await expect(pool.render(job(bytes), never)).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('out of memory'),
    });
    expect(pool.pids).toEqual([pid]);
  });

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

  it('takes a renderer that is up where another is not', async () => {
    open(2);
    const original = await card(8, 8).png().toBuffer();
    await expect.poll(() => pool.up, { timeout: 15_000 }).toBe(2);
    // Whichever is taken first, the one that follows it does not come up.
    for (const dying of pool.pids) {
      const before = pool.pids;
      process.kill(dying, 'SIGKILL');
      const next = (): number | undefined => pool.pids.find((pid) => !before.includes(pid));
      await expect.poll(next, { interval: 1, timeout: 15_000 }).toBeDefined();
      const starting = next();
      if (starting === undefined) throw new Error('never');
      process.kill(starting, 'SIGSTOP');
      for (const size of [20, 21]) await pool.render(job(original, { size }), never);
      process.kill(starting, 'SIGCONT');
      await expect.poll(() => pool.up, { timeout: 15_000 }).toBe(2);
    }
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

  it('lets a client that leaves while it waits go at once', async () => {
    open(1);
    const slow = pool.render(await slowJob(), never);
    const client = new AbortController();
    const waiting = pool.render(job(await card(8, 8).png().toBuffer()), client.signal);
    client.abort(new Error('left'));
    await expect(waiting).rejects.toThrow('left');
    expect(pool.waiting).toBe(0);
    await slow;
  });

  it('leaves no process behind when it closes, even in the middle of a render', async () => {
    open(2);
    const rendering = Promise.allSettled([pool.render(await slowJob(), never)]);
    const pids = pool.pids;
    await whileRendering(() => undefined);
    await pool.close();
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    const [result] = await rendering;
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'shutting_down' } });
    // None died of the picture.
    expect([events.died, events.quarantined]).toEqual([[], []]);
  });
});
