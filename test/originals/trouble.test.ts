/** Stores that break, hang and come back. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AvatarError } from '../../src/errors.ts';
import { createFolderStore } from '../../src/originals/folder.ts';
import type { OriginalStore } from '../../src/originals/store.ts';
import { ordered, Recording } from './ordered.fixture.ts';
import { never } from './store-suite.ts';

let base: string;
let events: Recording;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'trouble-'));
  events = new Recording();
});

afterEach(async () => {
  await rm(base, { recursive: true });
});

async function folder(name: string, ...keys: readonly string[]): Promise<OriginalStore> {
  const directory = await mkdtemp(join(base, `${name}-`));
  for (const key of keys) await writeFile(join(directory, key), `${key} in ${name}`);
  return createFolderStore({ directory, maxBytes: 100 });
}

/** A folder that is away: unmounted, say. */
async function takeAway({ name }: OriginalStore): Promise<() => Promise<void>> {
  const directory = name.slice('file:'.length);
  await rename(directory, `${directory}.away`);
  return () => rename(`${directory}.away`, directory);
}

/** The same store, which answers no read before `go` is called, and hears of who leaves. */
function held(store: OriginalStore): { store: OriginalStore; waiting(): number; go(): void } {
  const gate = Promise.withResolvers<void>();
  let waiting = 0;
  return {
    store: {
      ...store,
      async read(key, options) {
        const { promise: left, reject } = Promise.withResolvers<never>();
        options.signal.addEventListener('abort', () => reject(options.signal.reason));
        waiting += 1;
        try {
          await Promise.race([gate.promise, left]);
        } finally {
          waiting -= 1;
        }
        return await store.read(key, options);
      },
    },
    waiting: () => waiting,
    go: () => gate.resolve(),
  };
}

async function textOf(
  stores: ReturnType<typeof ordered>,
  key: string,
  signal = never,
): Promise<string | undefined> {
  const found = await stores.read([key], { signal });
  return found === undefined || found === 'unchanged' ? found : found.bytes.toString();
}

const failure = (error: unknown): AvatarError => AvatarError.from(error);

describe('a store that hangs', () => {
  it('is not waited for longer than patience lasts while another store has the original', async () => {
    const first = held(await folder('one', 'both'));
    const stores = ordered([first.store, await folder('two', 'both')], events, 50);

    expect(await textOf(stores, 'both')).toBe('both in two');
    expect(events.fallbacks).toEqual([[first.store.name, 'originals_timeout']]);
    expect(first.waiting()).toBe(0);
  });

  it('is asked once more, without impatience, when nobody else has the original', async () => {
    const first = held(await folder('one', 'only'));
    const stores = ordered([first.store, await folder('two')], events, 50);

    const reading = textOf(stores, 'only');
    await expect.poll(() => events.reads.length).toBe(2);
    await expect.poll(() => first.waiting()).toBe(1);
    first.go();

    expect(await reading).toBe('only in one');
  });

  it('makes nothing missing: who asked waits until the deadline, and gets its reason', async () => {
    const first = held(await folder('one', 'only'));
    const stores = ordered([first.store, await folder('two')], events, 50);
    const deadline = AbortSignal.timeout(300);

    await expect(textOf(stores, 'only', deadline)).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('is waited for once, the last one too, by who brings little patience', async () => {
    const first = held(await folder('one', 'only'));
    const stores = ordered([first.store, await folder('two')], events);

    await expect(stores.read(['only'], { signal: never, patienceMs: 50 })).rejects.toMatchObject({
      code: 'originals_timeout',
      detail: expect.stringMatching(`${first.store.name}: no answer within 50 ms: check`),
    });
    expect(events.reads.map(([, result]) => result)).toEqual(['originals_timeout', 'missing']);
    await expect(
      ordered([first.store]).read(['only'], { signal: never, patienceMs: 50 }),
    ).rejects.toMatchObject({ code: 'originals_timeout' });
    expect(first.waiting()).toBe(0);
  });

  it('when both hang, makes nothing missing either', async () => {
    const both = [held(await folder('one', 'only')), held(await folder('two'))];
    const stores = ordered(
      both.map(({ store }) => store),
      events,
      50,
    );
    const deadline = AbortSignal.timeout(400);

    await expect(textOf(stores, 'only', deadline)).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

describe('a store that fails again and again', () => {
  it('is asked last, until a try on the side succeeds', async () => {
    const first = await folder('one', 'both', 'only-one');
    const second = await folder('two', 'both');
    const stores = ordered([first, second], events);
    const bringBack = await takeAway(first);

    for (let n = 0; n < 20; n += 1) expect(await textOf(stores, 'both')).toBe('both in two');
    expect(events.changes).toEqual([[first.name, 'in trouble']]);
    expect(events.fallbacks).toHaveLength(20);
    // Four that showed it, and tries, of which there is one a second.
    const before = events.count(first);
    expect(before).toBeGreaterThanOrEqual(4);
    expect(before).toBeLessThan(10);
    // What only it has may still be had from it, so it is asked, and is what fails.
    await expect(textOf(stores, 'only-one')).rejects.toMatchObject({
      code: 'originals_bucket_missing',
    });

    await bringBack();
    await expect.poll(() => textOf(stores, 'both'), { timeout: 10_000 }).toBe('both in one');
    expect(events.changes).toEqual([
      [first.name, 'in trouble'],
      [first.name, 'well'],
    ]);
  });

  it('keeps few waiting; the others hear at once what is known', async () => {
    const only = await folder('one', 'a');
    const bringBack = await takeAway(only);
    const gate = held(only);
    const isHeld = { now: false };
    const store: OriginalStore = {
      ...only,
      read: (key, options) => (isHeld.now ? gate.store : only).read(key, options),
    };
    const stores = ordered([store], events);
    for (let n = 0; n < 4; n += 1) await textOf(stores, 'a').catch(failure);
    expect(events.changes).toEqual([[only.name, 'in trouble']]);
    isHeld.now = true;

    const outcomes = Array.from({ length: 50 }, () => textOf(stores, 'a').catch(failure));
    const quick = await Promise.race(outcomes);
    // Four reads and a try on the side.
    await expect.poll(() => gate.waiting()).toBe(5);

    expect(quick).toMatchObject({
      code: 'originals_bucket_missing',
      detail: expect.stringMatching(/not asked.*no folder/),
    });
    await bringBack();
    gate.go();
    const settled = await Promise.all(outcomes);
    expect(settled.filter((each) => each === 'a in one')).toHaveLength(4);
    expect(await textOf(stores, 'a')).toBe('a in one');
    expect(events.changes.at(-1)).toEqual([only.name, 'well']);
  });

  it('is in no trouble when it answers in between, be it that there is nothing', async () => {
    const only = await folder('one');
    const stores = ordered([only], events);
    for (let n = 0; n < 5; n += 1) {
      const bringBack = await takeAway(only);
      for (let m = 0; m < 3; m += 1) await textOf(stores, 'a').catch(failure);
      await bringBack();
      expect(await textOf(stores, 'a')).toBeUndefined();
    }
    expect(events.changes).toEqual([]);
  });

  it('is in no trouble because of originals that are too large', async () => {
    const only = await folder('one');
    await writeFile(join(only.name.slice('file:'.length), 'large'), Buffer.alloc(101));
    const stores = ordered([only], events);
    for (let n = 0; n < 5; n += 1) {
      await expect(textOf(stores, 'large')).rejects.toMatchObject({ code: 'original_too_large' });
    }
    expect(events.count(only, 'original_too_large')).toBe(5);
    expect(events.changes).toEqual([]);
  });

  it('is in no trouble because of those who began to read just before their deadline', async () => {
    const slow = held(await folder('one', 'a'));
    const stores = ordered([slow.store], events);
    for (let n = 0; n < 5; n += 1) {
      const late = new AbortController();
      const reading = textOf(stores, 'a', late.signal).catch(failure);
      late.abort(new AvatarError('deadline_passed'));
      await reading;
    }
    await expect.poll(() => events.count(slow.store, 'abandoned')).toBe(5);
    expect(events.changes).toEqual([]);
  });

  it('that refused others has not refused who does not get to ask it', async () => {
    const only = await folder('one', 'a');
    const refusal = new AvatarError('originals_access_denied');
    const gate = held(only);
    const isHeld = { now: false };
    const store: OriginalStore = {
      ...only,
      read: (key, options) =>
        isHeld.now ? gate.store.read(key, options) : Promise.reject(refusal),
    };
    const stores = ordered([store], events);
    for (let n = 0; n < 4; n += 1) {
      expect(await textOf(stores, 'a').catch(failure)).toMatchObject({ code: refusal.code });
    }
    isHeld.now = true;
    const waiting = Array.from({ length: 4 }, () => textOf(stores, 'a'));
    await expect(textOf(stores, 'a')).rejects.toMatchObject({
      code: 'originals_unavailable',
      detail: expect.stringContaining('not asked'),
    });
    gate.go();
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => 'a in one'));
  });

  it('is in no trouble because clients leave', async () => {
    const slow = held(await folder('one', 'a'));
    const stores = ordered([slow.store], events);
    for (let n = 0; n < 10; n += 1) {
      const client = new AbortController();
      const reading = textOf(stores, 'a', client.signal).catch(failure);
      client.abort(new AvatarError('client_left'));
      await reading;
    }
    await sleep(0);
    expect(events.changes).toEqual([]);
    expect(events.count(slow.store, 'abandoned')).toBe(10);
  });
});
