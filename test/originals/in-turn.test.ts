import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AvatarError } from '../../src/errors.ts';
import { createFolderStore } from '../../src/originals/folder.ts';
import { readInTurn } from '../../src/originals/in-turn.ts';
import type { OriginalStore } from '../../src/originals/store.ts';
import { createFolder } from '../support/app.ts';

const { signal } = new AbortController();

let folder: Awaited<ReturnType<typeof createFolder>>;

beforeAll(async () => {
  folder = await createFolder({
    'one/both': Buffer.from('both in one'),
    'two/both': Buffer.from('both in two'),
    'two/only': Buffer.from('only in two'),
    'two/large': Buffer.alloc(200),
  });
  await mkdir(join(folder.directory, 'empty'));
});

afterAll(async () => {
  await folder.remove();
});

/** Any name without a folder gives a store that fails. */
function stores(...names: string[]): OriginalStore[] {
  return names.map((name) =>
    createFolderStore({ directory: join(folder.directory, name), maxBytes: 100 }),
  );
}

async function textOf(from: readonly OriginalStore[], ...keys: string[]): Promise<string> {
  const found = await readInTurn(from, keys, { signal });
  return found === undefined || found === 'unchanged' ? String(found) : found.bytes.toString();
}

describe('stores read in turn', () => {
  it('give the original of the first that has it, all of them a key before the next key', async () => {
    expect(await textOf(stores('one', 'two'), 'both')).toBe('both in one');
    expect(await textOf(stores('one', 'two'), 'only', 'both')).toBe('only in two');
    expect(await textOf(stores('one', 'two'), 'neither')).toBe('undefined');
  });

  it('say unchanged when the first that has it does', async () => {
    const from = stores('empty', 'two');
    const found = await readInTurn(from, ['only'], { signal });
    if (found === undefined || found === 'unchanged') throw new Error('nothing to compare');
    const again = await readInTurn(from, ['only'], { signal, ifNoneMatch: found.etag });
    expect(again).toBe('unchanged');
  });

  it('pass over one that fails, and call nothing missing that could not be asked for', async () => {
    const told: string[] = [];
    const onFallback = ({ name }: OriginalStore, { code }: AvatarError): void => {
      told.push(`${name.split('/').at(-1)} ${code}`);
    };
    const from = stores('absent', 'two');
    // However often, and at once: none is to suffer for the others.
    const reads = Array.from({ length: 20 }, () =>
      readInTurn(from, ['only'], { signal }, onFallback),
    );
    for (const found of await Promise.all(reads)) expect(found).toHaveProperty('etag');
    expect(told).toEqual(Array(20).fill('absent originals_bucket_missing'));
    await expect(textOf(from, 'neither')).rejects.toMatchObject({
      code: 'originals_bucket_missing',
    });
  });

  it('are not asked further once one has refused what it found', async () => {
    await expect(textOf(stores('two', 'absent'), 'large')).rejects.toMatchObject({
      code: 'original_too_large',
    });
  });
});
