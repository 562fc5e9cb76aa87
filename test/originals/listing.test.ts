import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolderListing } from '../../src/originals/folder-listing.ts';
import { compareKeys, mergeListings } from '../../src/originals/listing.ts';
import { createS3Listing } from '../../src/s3/listing.ts';
import type { Listing } from '../../src/vocabulary/keys.ts';
import { createFolder } from '../support/app.ts';
import { useS3 } from './s3.fixture.ts';

/** In an order no folder has by itself: `a-b` before `a/`, `Z` before `a`, bytes and not UTF-16. */
const KEYS = [
  'a!/x',
  'a-b',
  'a/b/1',
  'a/b/2',
  'a/c',
  'a0',
  'b/Z',
  'b/z',
  'b/유니코드/1',
  'b/\uFB01',
  'b/🦉',
];

const signal = new AbortController().signal;

async function keysIn(listing: Listing, prefix: string, after?: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of listing.list(prefix, after, signal)) keys.push(key);
  return keys;
}

const s3 = useS3();
let folder: Awaited<ReturnType<typeof createFolder>>;

beforeAll(async () => {
  const { bucket, s3: server } = s3();
  folder = await createFolder(Object.fromEntries(KEYS.map((key) => [key, Buffer.from(key)])));
  for (const key of KEYS) await server.put(bucket, `below/${key}`, Buffer.from(key));
  await server.put(bucket, 'below/a/', Buffer.alloc(0));
  await server.put(bucket, 'beside/it', Buffer.alloc(1));
});

afterAll(async () => {
  await folder.remove();
});

describe.each([
  ['a folder', (): Listing => createFolderListing(folder.directory)],
  [
    'a bucket, below a prefix',
    (): Listing => {
      const { bucket, s3: server } = s3();
      return createS3Listing({
        bucket,
        variable: 'AVATAR_ORIGINALS',
        prefix: 'below/',
        region: 'us-east-1',
        endpoint: server.endpoint,
        credentials: server,
        maxSockets: 2,
        timeouts: { connectMs: 5000, firstByteMs: 10_000, stallMs: 10_000 },
        maxAttempts: 1,
      });
    },
  ],
])('the listing of %s', (_, open) => {
  it('is in the order of bytes, whole or from any key on', async () => {
    const listing = open();
    const inOrder = KEYS.toSorted(compareKeys);
    expect(await keysIn(listing, '')).toEqual(inOrder);
    for (const [index, key] of inOrder.entries()) {
      expect(await keysIn(listing, '', key)).toEqual(inOrder.slice(index + 1));
    }
    listing.close();
  });

  it('is that of a prefix, which need not end where a folder does', async () => {
    const listing = open();
    expect(await keysIn(listing, 'a/')).toEqual(['a/b/1', 'a/b/2', 'a/c']);
    expect(await keysIn(listing, 'a/b')).toEqual(['a/b/1', 'a/b/2']);
    expect(await keysIn(listing, 'a')).toEqual(['a!/x', 'a-b', 'a/b/1', 'a/b/2', 'a/c', 'a0']);
    expect(await keysIn(listing, 'nothing')).toEqual([]);
    listing.close();
  });
});

describe('listings merged', () => {
  it('have each key once, as the first has it', async () => {
    const [early, late] = [new Date(1000), new Date(2000)];
    async function* of(
      keys: string[],
      lastModified: Date,
    ): AsyncGenerator<{
      key: string;
      lastModified: Date;
    }> {
      for (const key of keys) yield await Promise.resolve({ key, lastModified });
    }
    const merged = [];
    for await (const object of mergeListings([
      of(['a', 'c', 'd'], early),
      of(['b', 'c', 'e'], late),
    ])) {
      merged.push(`${object.key}${object.lastModified.getTime()}`);
    }
    expect(merged).toEqual(['a1000', 'b2000', 'c1000', 'd1000', 'e2000']);
  });
});

describe('the listing of a folder', () => {
  it('does not follow links in circles, and says when a folder cannot be read', async () => {
    const looped = await createFolder({ 'a/1': Buffer.alloc(1) });
    await mkdir(join(looped.directory, 'loop'));
    await symlink(looped.directory, join(looped.directory, 'loop', 'back'));
    expect(await keysIn(createFolderListing(looped.directory), '')).toEqual(['a/1']);
    await looped.remove();
    await expect(keysIn(createFolderListing(looped.directory), '')).rejects.toMatchObject({
      code: 'originals_unavailable',
    });
  });
});
