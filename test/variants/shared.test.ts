/** What guards requests from the store of variants: when it is asked, and what is made of its answers. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { AvatarError } from '../../src/errors.ts';
import { SharedVariantStore } from '../../src/variants/shared.ts';
import type { VariantStore } from '../../src/variants/store.ts';
import { moveClock } from '../support/clock.ts';
import { connectS3, type TestS3 } from '../support/s3-server.ts';
import { openVariants, variantOf } from './s3.fixture.ts';

const { signal: never } = new AbortController();
const turn = { site: 'h', client: 'c', user: 'u' };
const REST_MS = 10_000;

let s3: TestS3;
let store: VariantStore;
let shared: SharedVariantStore;
let results: string[];
let writes: string[];
let troubles: string[];
let count = 0;

beforeAll(async () => {
  s3 = await connectS3(inject('s3'));
});

beforeEach(async () => {
  count += 1;
  store = openVariants(s3, await s3.createBucket(`shared-${count}`), { maxSockets: 8 });
  results = [];
  writes = [];
  troubles = [];
  shared = guard(10_000);
});

afterEach(async () => {
  s3.proxy.heal();
  await shared.close(0);
});

afterAll(() => s3.stop());

function guard(readWithinMs: number, guarded = store): SharedVariantStore {
  return new SharedVariantStore(guarded, {
    reads: 2,
    readWithinMs,
    onResult: (result) => results.push(result),
    onWrite: (result) => writes.push(result),
    onTrouble: ({ code }) => troubles.push(code),
  });
}

/** The store is asked for what is in it, so many times. */
async function readTimes(times: number): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let n = 0; n < times; n += 1) found.push((await shared.read('key', turn, never))?.variant);
  return found;
}

describe('a store of variants in trouble', () => {
  const FOUND_OUT = ['failed', 'failed', 'failed', 'skipped'];

  beforeEach(async () => {
    await store.put('key', variantOf('whole'), { signal: never });
    s3.proxy.inject({ kind: 'reply', status: 500 });
    await readTimes(4);
  });

  it('that is well again is asked again after its rest, and from then on', async () => {
    s3.proxy.heal();
    expect(await readTimes(1)).toEqual([undefined]);
    moveClock(REST_MS);
    expect(await readTimes(3)).toEqual(Array.from({ length: 3 }, () => variantOf('whole')));
    // What became of those that were found, the pipeline tells.
    expect(results).toEqual([...FOUND_OUT, 'skipped']);
  });

  it('that is not is tried once, and rests again', async () => {
    moveClock(REST_MS);
    const before = s3.proxy.requests();
    expect(await readTimes(3)).toEqual([undefined, undefined, undefined]);
    expect(results).toEqual([...FOUND_OUT, 'failed', 'skipped', 'skipped']);
    expect(s3.proxy.requests() - before).toBe(1);
  });
});

describe('a store of variants that is slow', () => {
  beforeEach(async () => {
    await store.put('key', variantOf('whole'), { signal: never });
    s3.proxy.inject({ kind: 'silence' });
  });

  it('is in no trouble because visitors leave', async () => {
    for (let n = 0; n < 3; n += 1) {
      const leaving = new AbortController();
      const reading = shared.read('key', turn, leaving.signal);
      leaving.abort(new AvatarError('client_left'));
      await expect(reading).rejects.toMatchObject({ code: 'client_left' });
    }
    s3.proxy.heal();
    expect(await readTimes(1)).toEqual([variantOf('whole')]);
    expect([results, troubles]).toEqual([[], []]);
  });

  it('is not blamed by those who never got to ask it', async () => {
    s3.proxy.heal();
    const gate = Promise.withResolvers<void>();
    // It does not hear who leaves.
    const read: VariantStore['read'] = async (key) => {
      await gate.promise;
      return await store.read(key, never);
    };
    const hasty = guard(100, { ...store, read });
    const asked = [hasty.read('key', turn, never), hasty.read('key', turn, never)];
    const waiting = [1, 2, 3].map(() => hasty.read('key', turn, never));
    expect(await Promise.all(waiting)).toEqual([undefined, undefined, undefined]);
    expect([results, troubles]).toEqual([['skipped', 'skipped', 'skipped'], []]);
    gate.resolve();
    await Promise.all(asked);
    // Three failures would have it rest.
    expect((await hasty.read('key', turn, never))?.variant).toEqual(variantOf('whole'));
  });
});

describe('a variant that is kept', () => {
  it('is dropped, and counted, when it finds no room to wait', async () => {
    const bytes = Buffer.alloc(8 * 1024 * 1024);
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const key of keys) shared.keep(key, variantOf(key, { bytes }), undefined);
    // Four of them are 32 MB.
    expect(writes).toEqual(['dropped', 'dropped']);
    expect(shared.waiting).toBe(4);

    await expect.poll(() => shared.waiting, { timeout: 15_000 }).toBe(0);
    expect(writes.slice(2)).toEqual(['stored', 'stored', 'stored', 'stored']);
    const kept = await Promise.all(keys.map((key) => store.describe(key, never)));
    expect(kept.map((each) => each?.variant?.etag)).toEqual([
      ...['a', 'b', 'c', 'd'].map((key) => variantOf(key).etag),
      undefined,
      undefined,
    ]);

    shared.keep('e', variantOf('e'), undefined);
    await expect.poll(() => writes.slice(6)).toEqual(['stored']);
  });
});
