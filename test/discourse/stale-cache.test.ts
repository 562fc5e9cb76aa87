import { describe, expect, it } from 'vitest';
import { StaleCache } from '../../src/discourse/stale-cache.ts';

const { signal } = new AbortController();

function clocked(max = 100) {
  const clock = { now: 0 };
  const answers = new StaleCache<string>({
    max,
    freshMs: (answer) => (answer === 'no' ? 10 : 100),
    staleMs: (answer) => (answer === 'no' ? 0 : 1000),
    now: () => clock.now,
  });
  return { clock, answers };
}

const answering = (answer: string) => () => Promise.resolve(answer);
const failing = () => Promise.reject(new Error('down'));

describe('the answers of a stale cache', () => {
  it('are given without asking again as long as they are fresh, each kind its own time', async () => {
    const { clock, answers } = clocked();
    await answers.get('a', signal, answering('yes'));
    await answers.get('b', signal, answering('no'));
    clock.now = 9;
    expect(await answers.get('a', signal, failing)).toBe('yes');
    expect(await answers.get('b', signal, failing)).toBe('no');
    clock.now = 11;
    expect(await answers.get('b', signal, answering('yes'))).toBe('yes');
    clock.now = 99;
    expect(await answers.get('a', signal, failing)).toBe('yes');
    clock.now = 100;
    expect(await answers.get('a', signal, answering('other'))).toBe('other');
  });

  it('are given longer when asking again fails, but not for ever, and not every kind', async () => {
    const { clock, answers } = clocked();
    await answers.get('a', signal, answering('yes'));
    await answers.get('b', signal, answering('no'));
    clock.now = 1099;
    expect(await answers.get('a', signal, failing)).toBe('yes');
    await expect(answers.get('b', signal, failing)).rejects.toThrow('down');
    clock.now = 1100;
    await expect(answers.get('a', signal, failing)).rejects.toThrow('down');
  });

  it('are given at once, however old, where that is wished, and asked for behind that', async () => {
    const { clock, answers } = clocked();
    expect(await answers.getAtOnce('a', signal, answering('yes'))).toBe('yes');
    clock.now = 5000;
    const { promise, resolve } = Promise.withResolvers<string>();
    expect(await answers.getAtOnce('a', signal, () => promise)).toBe('yes');
    resolve('other');
    expect(await answers.get('a', signal, failing)).toBe('other');
    clock.now = 10_000;
    expect(await answers.getAtOnce('a', signal, failing)).toBe('other');
    await expect(answers.getAtOnce('b', signal, failing)).rejects.toThrow('down');
  });

  it('can be forgotten when they are in doubt', async () => {
    const { answers } = clocked();
    await answers.get('a', signal, answering('yes'));
    answers.forget('a', (answer) => answer === 'no');
    expect(await answers.get('a', signal, answering('other'))).toBe('yes');
    answers.forget('a', (answer) => answer === 'yes');
    expect(await answers.get('a', signal, answering('other'))).toBe('other');
    answers.forget('unheard of', () => true);
    expect(await answers.get('a', signal, failing)).toBe('other');
  });

  it('are asked for once, however many wait', async () => {
    const { answers } = clocked();
    const { promise, resolve } = Promise.withResolvers<string>();
    let asked = 0;
    const waiting = Array.from({ length: 50 }, () =>
      answers.get('a', signal, () => {
        asked += 1;
        return promise;
      }),
    );
    resolve('yes');
    expect(new Set(await Promise.all(waiting))).toStrictEqual(new Set(['yes']));
    expect(asked).toBe(1);
  });

  it('are asked for again after a failure, which all who waited get', async () => {
    const { answers } = clocked();
    const waiting = [
      answers.get('a', signal, failing),
      answers.get('a', signal, answering('never asked')),
    ];
    const settled = await Promise.allSettled(waiting);
    expect(settled.map(({ status }) => status)).toStrictEqual(['rejected', 'rejected']);
    expect(await answers.get('a', signal, answering('yes'))).toBe('yes');
  });

  it('are bounded in number, and the least recently used go first', async () => {
    const { answers } = clocked(2);
    await answers.get('a', signal, answering('a'));
    await answers.get('b', signal, answering('b'));
    await answers.get('a', signal, failing);
    await answers.get('c', signal, answering('c'));
    expect(await answers.get('a', signal, failing)).toBe('a');
    await expect(answers.get('b', signal, failing)).rejects.toThrow('down');
  });
});
