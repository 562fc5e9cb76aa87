import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Underway } from '../../src/flow/underway.ts';

describe('work under way', () => {
  it('is as old as the oldest that has not ended', async () => {
    const underway = new Underway();
    const endFirst = underway.begin();
    await sleep(30);
    const endSecond = underway.begin();
    const first = underway.oldestMs;
    expect(first).toBeGreaterThan(25);
    endFirst();
    expect(underway.oldestMs).toBeLessThan(first);
    endSecond();
    expect(underway.oldestMs).toBe(0);
  });

  it('that a signal calls off is none before it is called off, however long it takes', async () => {
    const underway = new Underway();
    const leaving = new AbortController();
    const work = Promise.withResolvers<string>();
    const tracked = underway.track(work.promise, leaving.signal);
    await sleep(30);
    expect(underway.oldestMs).toBe(0);
    leaving.abort();
    await sleep(30);
    expect(underway.oldestMs).toBeGreaterThan(25);
    work.resolve('done');
    expect(await tracked).toBe('done');
    expect(underway.oldestMs).toBe(0);
  });

  it('that ended before it was called off is none from then on', async () => {
    const underway = new Underway();
    const leaving = new AbortController();
    expect(await underway.track(Promise.resolve('done'), leaving.signal)).toBe('done');
    leaving.abort();
    await sleep(5);
    expect(underway.oldestMs).toBe(0);
  });

  it('that was called off before it began is late from the beginning, and gone when it fails', async () => {
    const underway = new Underway();
    const work = Promise.withResolvers<string>();
    const tracked = underway.track(work.promise, AbortSignal.abort());
    await sleep(30);
    expect(underway.oldestMs).toBeGreaterThan(25);
    work.reject(new Error('late'));
    await expect(tracked).rejects.toThrow('late');
    expect(underway.oldestMs).toBe(0);
  });
});
