/** Renderers that the kernel kills for want of memory, whose part a test plays: it would need a container of its own. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { oomKills } from '../../src/render/oom-kills.ts';
import { card, lookAt } from '../support/cards.ts';
import { moveClock } from '../support/clock.ts';
import {
  events,
  job,
  later,
  never,
  open,
  pool,
  signalIt,
  slowJob,
  whileRendering,
} from './pool.fixture.ts';

vi.mock(import('../../src/render/oom-kills.ts'), { spy: true });

let kills: number;

beforeEach(() => {
  kills = 7;
  vi.mocked(oomKills).mockImplementation(() => kills);
});

afterEach(() => void vi.mocked(oomKills).mockReset());

async function killForMemory(): Promise<void> {
  const [dying] = pool.pids;
  await whileRendering(() => {
    kills += 1;
    signalIt('SIGKILL');
  });
  await expect.poll(() => pool.pids[0]).not.toBe(dying);
}

describe('a picture over which the kernel kills renderers for want of memory', () => {
  it('is in no quarantine: it is refused for half a minute, in which others are served', async () => {
    open(1);
    const rendering = pool.render(await slowJob(), never);
    rendering.catch(() => undefined);
    for (let turn = 0; turn < 2; turn += 1) await killForMemory();
    await expect(rendering).rejects.toMatchObject({ code: 'internal', status: 500 });
    expect(events.died).toHaveLength(2);
    expect(events.quarantined).toEqual([]);

    // Without a renderer.
    const again = pool.render(await slowJob(), never);
    await expect(again).rejects.toThrow(/^there is no memory for [^]* in half a minute$/);
    expect(events.died).toHaveLength(2);
    const other = await pool.render(job(await card(8, 8).png().toBuffer()), never);
    expect((await lookAt(other)).width).toBe(48);

    moveClock(31_000);
    const variant = await pool.render(await slowJob({ dueAt: later() }), never);
    expect((await lookAt(variant)).width).toBe(48);
  });

  it('has a second try, and nothing is remembered when that succeeds', async () => {
    open(1);
    for (let turn = 0; turn < 2; turn += 1) {
      const rendering = pool.render(await slowJob(), never);
      await killForMemory();
      expect((await lookAt(await rendering)).width).toBe(48);
    }
    expect(events.died).toHaveLength(2);
    expect(events.quarantined).toEqual([]);
  });

  it('is blamed for what kills renderers otherwise, meanwhile too', async () => {
    open(1);
    const rendering = pool.render(await slowJob(), never);
    rendering.catch(() => undefined);
    for (let turn = 0; turn < 2; turn += 1) {
      const [dying] = pool.pids;
      await whileRendering(() => {
        kills += 1;
        signalIt('SIGSEGV');
      });
      await expect.poll(() => pool.pids[0]).not.toBe(dying);
    }
    await expect(rendering).rejects.toMatchObject({ code: 'original_quarantined' });
  });
});

it('the kernel tells how often it has killed', () => {
  vi.mocked(oomKills).mockReset();
  const line = readFileSync('/proc/vmstat', 'utf8')
    .split('\n')
    .find((each) => each.startsWith('oom_kill '));
  expect(`oom_kill ${oomKills()}`).toBe(line);
});
