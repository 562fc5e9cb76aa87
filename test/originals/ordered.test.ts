import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AvatarError } from '../../src/errors.ts';
import { createFolderStore } from '../../src/originals/folder.ts';
import type { OriginalStore } from '../../src/originals/store.ts';
import { ordered, Recording } from './ordered.fixture.ts';
import { never } from './store-suite.ts';

describe('stores in order', () => {
  let base: string;

  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'ordered-'));
    for (const name of ['one', 'two']) {
      await mkdir(join(base, name));
      await writeFile(join(base, name, 'both'), `both in ${name}`);
      await writeFile(join(base, name, `only-${name}`), `only in ${name}`);
    }
  });

  afterAll(async () => {
    await rm(base, { recursive: true });
  });

  /** Any name without a folder gives a store that fails. */
  const store = (name: string, maxBytes = 100): OriginalStore =>
    createFolderStore({ directory: join(base, name), maxBytes });

  it('give the original of the first that has it', async () => {
    expect(await textOf([store('one'), store('two')], 'both')).toBe('both in one');
    expect(await textOf([store('one'), store('two')], 'only-two')).toBe('only in two');
    expect(await textOf([store('one'), store('two')], 'neither')).toBeUndefined();
  });

  it('are all asked for a key before the next key is tried', async () => {
    const stores = [store('one'), store('two')];

    expect(await textOf(stores, 'only-two', 'only-one')).toBe('only in two');
    expect(await textOf(stores, 'neither', 'only-one')).toBe('only in one');
  });

  it('say unchanged when the first that has it does', async () => {
    const stores = [store('one'), store('two')];
    const found = await ordered(stores).read(['only-two'], { signal: never });
    if (found === undefined || found === 'unchanged') throw new Error('nothing to compare');

    const again = await ordered(stores).read(['only-two'], {
      signal: never,
      ifNoneMatch: found.etag,
    });

    expect(again).toBe('unchanged');
  });

  it('serve from the second what the first cannot, and tell of it', async () => {
    const broken = store('absent');
    const events = new Recording();
    const stores = ordered([broken, store('two')], events);
    const found = await stores.read(['both'], { signal: never });

    expect(found).toMatchObject({ bytes: Buffer.from('both in two') });
    expect(events.fallbacks).toEqual([[broken.name, 'originals_bucket_missing']]);
    expect(events.reads).toEqual([
      [broken.name, 'originals_bucket_missing'],
      [store('two').name, 'read'],
    ]);
  });

  it('never call missing what one of them could not be asked about', async () => {
    for (const stores of [
      [store('absent'), store('one')],
      [store('one'), store('absent')],
    ]) {
      await expect(textOf(stores, 'neither', 'neither-of-them')).rejects.toMatchObject({
        code: 'originals_bucket_missing',
        detail: expect.stringContaining('absent'),
      });
    }
  });

  it('stop at a verdict on the original that was found', async () => {
    await expect(textOf([store('one', 3), store('two')], 'both')).rejects.toMatchObject({
      code: 'original_too_large',
    });
  });

  it('stop when who asked leaves', async () => {
    const controller = new AbortController();
    const reason = new Error('left');
    const events = new Recording();
    events.onFallback = () => {
      controller.abort(reason);
    };
    const { signal } = controller;
    const stores = ordered([store('absent'), store('two')], events);

    await expect(stores.read(['both'], { signal })).rejects.toBe(reason);
    await expect(ordered([store('two')]).read(['both'], { signal })).rejects.toBe(reason);
  });

  it('answer by the first that has it, else by the first that failed, else with nothing', async () => {
    const kinds = ['has', 'misses', 'fails'] as const;
    const order = fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 5 });
    const folders = { has: 'one', misses: 'two', fails: 'absent' };
    await fc.assert(
      fc.asyncProperty(order, async (order) => {
        const answer = await textOf(
          order.map((kind) => store(folders[kind])),
          'only-one',
        ).catch((error: unknown) => AvatarError.from(error).code);
        const foretold = order.includes('fails') ? 'originals_bucket_missing' : undefined;
        expect(answer).toBe(order.includes('has') ? 'only in one' : foretold);
      }),
      { numRuns: 60 },
    );
  });
});

async function textOf(
  stores: readonly OriginalStore[],
  ...keys: readonly string[]
): Promise<string | undefined> {
  const found = await ordered(stores).read(keys, { signal: never });
  return found === undefined || found === 'unchanged' ? found : found.bytes.toString();
}
