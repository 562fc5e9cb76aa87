import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { inspector } from '../inspect/support.ts';
import { card, distanceFromCard, lookAt } from '../support/cards.ts';
import {
  events,
  job,
  never,
  open,
  pool,
  residentBytes,
  slowJob,
  whileRendering,
} from './pool.fixture.ts';

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

  it('tells its renderers of colours of 16 bits, which would fade otherwise', async () => {
    open(1);
    const deep = card(90, 60).toColourspace('rgb16').withIccProfile('p3');
    for (const bytes of [
      await deep.clone().png().toBuffer(),
      await deep.clone().avif({ quality: 95, bitdepth: 10 }).toBuffer(),
    ]) {
      const original = inspector.inspect(bytes);
      for (const size of [48, 144]) {
        const { corners } = await lookAt(await pool.render(job(bytes, { original, size }), never));
        expect(distanceFromCard(corners)).toBeLessThan(5);
      }
    }
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
    expect(events.diedIdle.splice(0)).toHaveLength(2);
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
