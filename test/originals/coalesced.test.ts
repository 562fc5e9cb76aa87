import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Original } from '../../src/avatar/ports.ts';
import { AvatarError } from '../../src/errors.ts';
import { createFolderStore } from '../../src/originals/folder.ts';
import {
  CoalescedOriginals,
  type CoalescedOriginalsSettings,
} from '../../src/originals/coalesced.ts';
import type { OriginalStore } from '../../src/originals/store.ts';
import { moveClock } from '../support/clock.ts';
import { Recording } from './ordered.fixture.ts';
import { never } from './store-suite.ts';

let directory: string;
let store: OriginalStore;
let events: Recording;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coalesced-'));
  store = createFolderStore({ directory, maxBytes: 10_000 });
  events = new Recording();
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

function share(changes: Partial<CoalescedOriginalsSettings> = {}): CoalescedOriginals {
  const settings = { slots: 8, heldBytes: 1000, recentBytes: 0, patienceMs: 50, events };
  return new CoalescedOriginals([store], { ...settings, ...changes });
}

async function put(length: number, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) await writeFile(join(directory, key), Buffer.alloc(length, key));
}

/** Reads, and counts those that have been read. */
function reader(originals: CoalescedOriginals): {
  readonly read: Original[];
  readonly begin: (key: string, signal?: AbortSignal) => Promise<Original>;
} {
  const read: Original[] = [];
  return {
    read,
    async begin(key, signal = never) {
      const turn = { site: 'h', client: key.charAt(0), user: key };
      const found = await originals.read([key], { signal, turn });
      if (found === undefined || found === 'unchanged') throw new Error(`${key}: ${found ?? ''}`);
      read.push(found);
      return found;
    },
  };
}

/** What could go on without anybody's doing has done so. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100));
}

describe('originals read once for all who want them', () => {
  it('hold no more bytes than they may, until their readers need them no more', async () => {
    await put(400, 'a', 'b', 'c', 'd', 'e');
    const { read, begin } = reader(share());
    const all = ['a', 'b', 'c', 'd', 'e'].map((key) => begin(key));
    await expect.poll(() => read.length).toBe(2);
    read[0]?.done?.();
    read[0]?.done?.();
    await expect.poll(() => read.length).toBe(3);
    await settle();
    expect(read).toHaveLength(3);
    for (let count = 0; count < 5; count += 1) {
      await expect.poll(() => read.length).toBeGreaterThan(count);
      read[count]?.done?.();
    }
    const bytes = (await Promise.all(all)).map((each) => each.bytes.toString('latin1', 399));
    expect(bytes).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('hold the bytes once for all who share a read, until the last of them is done', async () => {
    await put(600, 'a', 'b');
    const { read, begin } = reader(share());
    const [first, second] = await Promise.all([begin('a'), begin('a')]);
    const other = begin('b');
    first.done?.();
    await settle();
    expect(read).toHaveLength(2);
    second.done?.();
    expect((await other).bytes).toHaveLength(600);
  });

  it('are freed by who reads them alone, and by nobody who shares them', async () => {
    await put(400, 'a', 'b');
    const { begin } = reader(share({ heldBytes: 10_000, recentBytes: 10_000 }));
    const alone = await begin('a');
    alone.release?.();
    expect(alone.bytes).toHaveLength(0);
    const again = await begin('a');
    expect(again.bytes.toString()).toBe('a'.repeat(400));
    again.release?.();
    expect(again.bytes).toHaveLength(0);

    const both = await Promise.all([begin('b'), begin('b')]);
    for (const each of both) each.release?.();
    expect(both.map(({ bytes }) => bytes.toString())).toEqual(['b'.repeat(400), 'b'.repeat(400)]);
  });

  it('are read in turns of their clients', async () => {
    const keys = ['a1', 'a2', 'a3', 'a4', 'a5', 'b1'];
    await put(10, ...keys);
    const { read, begin } = reader(share({ slots: 1 }));
    await Promise.all(keys.map((key) => begin(key)));
    const order = read.map(({ bytes }) => bytes.toString('latin1', 0, 2));
    expect(order.indexOf('b1')).toBeLessThan(3);
    expect(order.toSorted()).toEqual(keys);
  });

  it('count the copies made of those just read', async () => {
    await put(400, 'a');
    const originals = share({ recentBytes: 10_000 });
    const { read, begin } = reader(originals);
    for (let count = 0; count < 2; count += 1) await begin('a');
    const all = [begin('a'), begin('a')];
    await settle();
    expect(read).toHaveLength(2);
    for (let count = 0; count < 4; count += 1) {
      await expect.poll(() => read.length).toBeGreaterThan(count);
      read[count]?.done?.();
    }
    await Promise.all(all);
    expect(events.count(store)).toBe(1);
  });

  it('are read anew when they have had their time while their reader waited for memory', async () => {
    await put(600, 'a', 'b');
    const originals = share({ recentBytes: 10_000 });
    const { begin } = reader(originals);
    (await begin('a')).done?.();
    const { done } = await begin('b');
    const again = begin('a');
    moveClock(60_000);
    await put(500, 'a');
    done?.();
    expect((await again).bytes).toHaveLength(500);
  });

  it('give up the wait with who asked, and lose no room over it', async () => {
    await put(800, 'a', 'b', 'c');
    const { begin } = reader(share());
    const { done } = await begin('a');
    const leaving = new AbortController();
    const abandoned = begin('b', leaving.signal);
    await settle();
    leaving.abort(new Error('left'));
    await expect(abandoned).rejects.toThrow('left');
    done?.();
    expect((await begin('c')).bytes).toHaveLength(800);
  });

  it('lose no room over what is missing, unchanged, or too large', async () => {
    await put(10_001, 'huge');
    await put(1000, 'a');
    const originals = share();
    const { etag, done } = await reader(originals).begin('a');
    done?.();
    for (let count = 0; count < 3; count += 1) {
      expect(await originals.read(['none'], { signal: never })).toBeUndefined();
      expect(await originals.read(['a'], { signal: never, ifNoneMatch: etag })).toBe('unchanged');
      await expect(originals.read(['huge'], { signal: never })).rejects.toMatchObject({
        code: 'original_too_large',
      });
    }
    expect((await reader(originals).begin('a')).bytes).toHaveLength(1000);
  });

  it('do not blame a store for the wait', async () => {
    await put(800, 'a', 'b1', 'b2', 'b3', 'b4', 'b5');
    const { begin } = reader(share());
    const { done } = await begin('a');
    const leaving = new AbortController();
    const waiting = ['b1', 'b2', 'b3', 'b4', 'b5'].map((key) => begin(key, leaving.signal));
    await settle();
    moveClock(5000);
    leaving.abort(new AvatarError('deadline_passed'));
    await Promise.allSettled(waiting);
    done?.();
    expect(events.changes).toEqual([]);
    expect(events.count(store, 'abandoned')).toBe(5);
  });

  it('wait with patience for memory, be the patience with stores as little as it may', async () => {
    await put(800, 'a', 'b');
    const originals = share();
    const { done } = await reader(originals).begin('a');
    const reading = originals.read(['b'], { signal: never, patienceMs: 20 });
    await settle();
    done?.();
    expect(await reading).toMatchObject({ bytes: Buffer.alloc(800, 'b') });
  });

  it('are read for one who joined another that has too many reads waiting', async () => {
    await put(10, 'a');
    const gate = Promise.withResolvers<void>();
    const slow: OriginalStore = {
      name: 'slow',
      read: async (key, options) => {
        await gate.promise;
        return await store.read(key, options);
      },
      probe: (signal) => store.probe(signal),
      close: () => store.close(),
    };
    const settings = { slots: 8, heldBytes: 1e6, recentBytes: 0, patienceMs: 10_000, events };
    const originals = new CoalescedOriginals([slow], settings);
    const read = (key: string, client: string) =>
      originals.read([key], { signal: never, turn: { site: 'h', client, user: key } });
    // As many as may wait, and those that run.
    const flood = Promise.allSettled(
      Array.from({ length: 1007 }, (_, n) => read(`busy${n}`, 'flood')),
    );
    const refused = read('a', 'flood');
    const joined = read('a', 'visitor');
    await expect(refused).rejects.toMatchObject({ code: 'overloaded' });
    gate.resolve();
    expect(await joined).toMatchObject({ bytes: Buffer.alloc(10, 'a') });
    await flood;
  });
});
