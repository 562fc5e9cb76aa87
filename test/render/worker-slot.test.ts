import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { processTree } from '../../bench/support/cpu.ts';
import { Underway } from '../../src/flow/underway.ts';
import { RenderKilled, WorkerSlot, type WorkerSlotLimits } from '../../src/render/worker-slot.ts';
import { card, lookAt } from '../support/cards.ts';

const limits: WorkerSlotLimits = {
  memoryCapBytes: 640e6,
  memoryKeptBytes: 640e6,
  rendersPerProcess: 1e6,
  startMs: 20_000,
};
const POLL = { interval: 5, timeout: 15_000 };

let slot: WorkerSlot;
let failedStarts: string[];
let idleDeaths: string[];

function open(changes: Partial<WorkerSlotLimits>): WorkerSlot {
  failedStarts = [];
  idleDeaths = [];
  slot = new WorkerSlot({ ...limits, ...changes }, new Underway(), {
    failedStart: (reason) => failedStarts.push(String(reason)),
    diedIdle: (error) => idleDeaths.push(String(error)),
  });
  return slot;
}

/** The renderers there are, whatever the slot thinks of them. */
function renderers(): number[] {
  return processTree(process.pid).slice(1);
}

async function draw(size: number): Promise<void> {
  const variant = await drawUnseen(size);
  expect((await lookAt(variant)).width).toBe(size);
}

/** In the turn of the event loop in which this resolves, a successor has been started and none is up. */
async function drawUnseen(size: number): Promise<Buffer> {
  const order = { kind: 'picture', variants: [{ size, format: 'png' }] } as const;
  const [variant] = await slot.render(order, small, 10_000);
  return variant ?? Buffer.alloc(0);
}

let small: Buffer;

beforeAll(async () => {
  small = await card(90, 90).png().toBuffer();
});

afterEach(async () => {
  await slot.close();
  const [reason] = failedStarts;
  if (reason !== undefined) throw new Error(`no start: ${reason}`);
});

describe('a worker slot whose renderers are replaced', () => {
  it.each([
    ['after each render', { rendersPerProcess: 1 }],
    ['for the memory they keep', { memoryKeptBytes: 1 }],
  ])(
    '%s loses no order over it',
    async (_why, changes) => {
      open(changes);
      const seen = new Set<number>();
      // How many renders the old one does beside its starting successor depends on the machine.
      for (let turn = 0; seen.size < 3; turn += 1) {
        await draw(20 + (turn % 120));
        for (const pid of slot.pids) seen.add(pid);
      }
      expect(seen.size).toBeGreaterThanOrEqual(3);
    },
    60_000,
  );

  it('keeps a renderer that has done little', async () => {
    open({});
    await draw(48);
    const before = renderers();
    for (let count = 0; count < 20; count += 1) await draw(20 + count);
    expect(renderers()).toEqual(before);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'keeps a renderer that is sent %s, as a whole group of processes is',
    async (signal) => {
      open({});
      await draw(48);
      const before = renderers();
      const [renderer = 0] = before;
      process.kill(renderer, signal);
      // It is not dead at once.
      await sleep(100);
      await draw(60);
      expect(renderers()).toEqual(before);
    },
  );

  it('does not lay to the new one what the old one says of itself', async () => {
    open({ memoryKeptBytes: 1 });
    await drawUnseen(48);
    const [old = 0, next = 0] = slot.pids;
    process.kill(old, 'SIGSTOP');
    const drawing = draw(60);
    // It is relieved in the middle of its last order.
    await expect.poll(() => slot.pids[0], POLL).toBe(next);
    process.kill(old, 'SIGCONT');
    await drawing;
    await expect.poll(renderers, POLL).toEqual([next]);
  });

  it('leaves the old one all the time that its last order has', async () => {
    open({ memoryKeptBytes: 1 });
    await drawUnseen(48);
    const [old = 0, next = 0] = slot.pids;
    process.kill(old, 'SIGSTOP');
    const drawing = draw(60);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await expect.poll(() => slot.pids[0], POLL).toBe(next);
      vi.advanceTimersByTime(600_000);
    } finally {
      vi.useRealTimers();
      process.kill(old, 'SIGCONT');
    }
    await drawing;
  });
});

describe('a worker slot whose renderer', () => {
  it.each(['SIGKILL', 'SIGSEGV'] as const)(
    'dies of %s has the next one at work',
    async (signal) => {
      open({});
      await draw(48);
      for (let turn = 0; turn < 3; turn += 1) {
        const [dying = 0] = slot.pids;
        process.kill(dying, signal);
        await expect.poll(renderers, POLL).not.toContain(dying);
        await draw(60 + turn);
      }
    },
  );

  it.each(['SIGKILL', 'SIGSEGV'] as const)(
    'dies of %s between two orders tells of that, once each time',
    async (signal) => {
      open({});
      const ends: string[] = [];
      for (let turn = 1; turn <= 3; turn += 1) {
        await draw(48 + turn);
        const [dying = 0] = slot.pids;
        process.kill(dying, signal);
        ends.push(`RendererDied: renderer ${dying} ended with ${signal}`);
        await expect.poll(() => idleDeaths, POLL).toEqual(ends);
      }
      await draw(60);
      await slot.close();
      expect(idleDeaths).toEqual(ends);
    },
  );

  it('is replaced, is late, or is closed, is no death to tell of', async () => {
    open({ rendersPerProcess: 1 });
    const seen = new Set<number>();
    for (let turn = 0; seen.size < 3; turn += 1) {
      await draw(20 + (turn % 120));
      for (const pid of slot.pids) seen.add(pid);
    }
    await expect.poll(renderers, POLL).toHaveLength(1);
    const [late = 0] = slot.pids;
    process.kill(late, 'SIGSTOP');
    const order = { kind: 'picture', variants: [{ size: 48, format: 'png' }] } as const;
    const timeUp = { code: 'render_timeout' };
    await expect(slot.render(order, small, 50)).rejects.toMatchObject(timeUp);
    await draw(60);
    await slot.close();
    expect(idleDeaths).toEqual([]);
  });

  it('dies while its successor starts has that one at work, no third, and the next one too', async () => {
    open({ rendersPerProcess: 3 });
    for (let turn = 0; turn < 3; turn += 1) await drawUnseen(20 + turn);
    const [dying = 0, successor = 0] = slot.pids;
    process.kill(dying, 'SIGKILL');
    await expect.poll(renderers, POLL).not.toContain(dying);
    await draw(30);
    expect(renderers()).toEqual([successor]);

    process.kill(successor, 'SIGKILL');
    await expect.poll(renderers, POLL).not.toContain(successor);
    for (let turn = 0; turn < 3; turn += 1) await draw(40 + turn);
  });

  it('dies before it was ready tells of that and has another one', async () => {
    open({});
    const [stillborn = 0] = slot.pids;
    process.kill(stillborn, 'SIGKILL');
    await draw(48);
    expect(failedStarts.splice(0)).toEqual([expect.stringContaining('SIGKILL')]);
    expect(idleDeaths).toEqual([]);
  });

  it('never says that it is ready is given up for another one', async () => {
    open({ startMs: 3000 });
    const [stopped = 0] = slot.pids;
    process.kill(stopped, 'SIGSTOP');
    await draw(48);
    expect(failedStarts.splice(0)[0]).toContain(`renderer ${stopped} ended with SIGKILL`);
  });

  it('dies when there are no descriptors for another has one as soon as there are', async () => {
    const script = fileURLToPath(new URL('starved-worker-slot.ts', import.meta.url));
    const { stdout } = await promisify(execFile)('/bin/sh', [
      '-c',
      'ulimit -n 100 && exec "$0" "$@"',
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      script,
    ]);
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^no start: .*EMFILE/),
      expect.stringMatching(/^no start: .*EMFILE/),
      'drawn: 48 pixels',
      '',
    ]);
  });
});

describe('a worker slot that is closed', () => {
  it('in the middle of a start leaves nobody behind, and takes no orders', async () => {
    open({});
    await slot.close();
    expect(renderers()).toEqual([]);
    await expect(draw(48)).rejects.toMatchObject({ code: 'shutting_down' });
  });

  it('after it has worked takes no orders either', async () => {
    open({});
    await draw(48);
    await slot.close();
    await expect(draw(48)).rejects.toMatchObject({ code: 'shutting_down' });
  });

  it('while one renderer relieves another leaves neither behind', async () => {
    open({ rendersPerProcess: 1 });
    await drawUnseen(48);
    expect(renderers()).toHaveLength(2);
    const drawing = draw(60);
    drawing.catch(() => undefined);
    await slot.close();
    expect(renderers()).toEqual([]);
  });
});

describe('a worker slot whose renderer was killed for being late', () => {
  it('gives the next order to the next renderer, not to the dying one', async () => {
    open({});
    const order = { kind: 'picture', variants: [{ size: 48, format: 'png' }] } as const;
    await draw(48);
    for (let turn = 0; turn < 3; turn += 1) {
      const [late = 0] = slot.pids;
      process.kill(late, 'SIGSTOP');
      const timeUp = { code: 'render_timeout' };
      await expect(slot.render(order, small, 50)).rejects.toMatchObject(timeUp);
      await draw(60 + turn);
      expect(slot.pids).not.toContain(late);
    }
  });
});

describe('a picture over which a renderer was killed', () => {
  it.each([
    ['that it kept busy with a deadline of two seconds', 1900, 1800, true],
    ['that it kept busy for half of the longest time, as others did', 6000, 3000, true],
    ['whose deadline was near when its turn came', 600, 600, false],
    ['that a busy machine left little time', 6000, 1500, false],
  ])('%s: is it to blame?', (_which, elapsedMs, ms, isOwnDoing) => {
    expect(new RenderKilled({ elapsedMs, ms }).isOwnDoing).toBe(isOwnDoing);
  });
});
