import { execFile } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolderStore } from '../../src/originals/folder.ts';
import { describeStore, never, readOriginal } from './store-suite.ts';

async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'originals-'));
}

async function put(folder: string, key: string, bytes: Uint8Array): Promise<void> {
  const path = join(folder, key);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

describeStore('a folder', async () => {
  const directory = await temporaryFolder();
  return {
    put: (key, bytes) => put(directory, key, bytes),
    openStore: (maxBytes) => createFolderStore({ directory, maxBytes }),
    close: () => rm(directory, { recursive: true }),
  };
});

describe('a folder', () => {
  let base: string;
  let root: string;
  const open = (directory = root) => createFolderStore({ directory, maxBytes: 1000 });

  beforeAll(async () => {
    base = await temporaryFolder();
    root = join(base, 'root');
    await put(base, 'secret', Buffer.from('SECRET'));
    await put(base, 'root-of-others/secret', Buffer.from('SECRET'));
    await put(root, 'a', Buffer.from('inside'));
    await put(root, 'b/c', Buffer.from('inside'));
    await symlink('a', join(root, 'link-to-a'));
    await symlink('b', join(root, 'link-to-b'));
    await symlink('../secret', join(root, 'link-to-secret'));
    await symlink(join(base, 'root-of-others'), join(root, 'link-to-others'));
    await symlink('..', join(root, 'b', 'link-up'));
    await symlink(base, join(root, 'b', 'link-out'));
    await symlink('loop', join(root, 'loop'));
    await symlink('nowhere', join(root, 'dangling'));
  });

  afterAll(async () => {
    await rm(base, { recursive: true });
  });

  it('is not left by any key', async () => {
    const store = open();
    const segment = fc.constantFrom(
      '',
      '.',
      '..',
      '...',
      '~',
      'root',
      'secret',
      'root-of-others',
      'a',
      'b',
      'c',
      'link-to-a',
      'link-to-b',
      'link-to-secret',
      'link-to-others',
      'link-up',
      'link-out',
      '%2e%2e',
      '..%2f',
      '%00',
      '\0',
      '..\\',
      '\\..',
      '\u{2215}',
      '\uFF0E\uFF0E',
      '\uD800',
    );
    const key = fc.oneof(
      fc.array(segment, { minLength: 1, maxLength: 7 }).map((parts) => parts.join('/')),
      fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
      fc.constantFrom(join(base, 'secret'), `/${join(base, 'secret')}`, 'b/../../secret', 'a\0'),
      fc.string({ unit: 'binary' }),
    );
    const read = new Set<string | undefined>();
    await fc.assert(
      fc.asyncProperty(key, async (key) => {
        const original = await store.read(key, { signal: never });
        read.add(original === 'unchanged' ? original : original?.bytes.toString());
      }),
      { numRuns: 2000, examples: [['a'], ['link-to-a']] },
    );
    expect([...read]).toEqual(['inside', undefined]);
  });

  it.each(['link-to-a', 'link-to-b/c', 'b/link-up/a'])(
    'follows %s, a link that stays inside',
    async (key) => {
      expect((await readOriginal(open(), key)).bytes.toString()).toBe('inside');
    },
  );

  it.each([
    'link-to-secret',
    'link-to-others/secret',
    'b/link-out/secret',
    'loop',
    'loop/a',
    'dangling',
    'b',
    'a/b',
    './a',
    'b//c',
    'b/../a',
    '/a',
    'a/',
  ])('has nothing under %s', async (key) => {
    expect(await open().read(key, { signal: never })).toBeUndefined();
  });

  it('has nothing where a FIFO or a socket is, and does not wait for it', async () => {
    await promisify(execFile)('mkfifo', [join(root, 'fifo')]);
    const server = createServer().listen(join(root, 'sock'));
    await new Promise((resolve) => server.once('listening', resolve));

    expect(await open().read('fifo', { signal: never })).toBeUndefined();
    expect(await open().read('sock', { signal: never })).toBeUndefined();
    await new Promise((resolve) => server.close(resolve));
  });

  it('that goes away after a read is a fault, not a folder without files', async () => {
    const directory = join(base, 'mounted');
    await put(directory, 'a', Buffer.from('here'));
    const store = open(directory);
    expect(await store.read('a', { signal: never })).toMatchObject({ bytes: Buffer.from('here') });
    await rm(directory, { recursive: true });
    await expect(store.read('a', { signal: never })).rejects.toMatchObject({
      code: 'originals_bucket_missing',
    });
  });

  it('may itself be behind a link', async () => {
    await symlink('root', join(base, 'link-to-root'));

    const original = await readOriginal(open(join(base, 'link-to-root')), 'a');

    expect(original.bytes.toString()).toBe('inside');
  });

  it.each(['absent', 'secret'])(
    'that is none (%s) is a fault, not a missing avatar',
    async (name) => {
      const store = open(join(base, name));
      const expected = { code: 'originals_bucket_missing', detail: expect.stringContaining(name) };

      await expect(store.read('a', { signal: never })).rejects.toMatchObject(expected);
      await expect(store.probe(never)).rejects.toMatchObject(expected);
    },
  );

  it('that may not be read is a fault which names the file and the cure', async () => {
    const closed = join(root, 'closed');
    await put(closed, 'd/e', Buffer.from('inside'));
    await put(closed, 'f', Buffer.from('inside'));
    await chmod(base, 0o755);
    await chmod(join(closed, 'd'), 0);
    await chmod(join(closed, 'f'), 0);

    await asOrdinaryUser(async () => {
      for (const key of ['d/e', 'f']) {
        await expect(open(closed).read(key, { signal: never })).rejects.toMatchObject({
          code: 'originals_access_denied',
          detail: expect.stringMatching(`${key}.*give this process's user`),
        });
      }
      await expect(open(join(closed, 'd')).probe(never)).rejects.toMatchObject({
        code: 'originals_access_denied',
      });
    });
    await chmod(join(closed, 'd'), 0o755);
  });

  it('gives no file that changes while it is read', async () => {
    const path = join(root, 'growing');
    await writeFile(path, 'first');
    // Looked at between all steps of a read, the last of which is after the file was opened.
    const { signal } = new AbortController();
    signal.throwIfAborted = () => {
      appendFileSync(path, 'more');
    };

    await expect(open().read('growing', { signal })).rejects.toMatchObject({
      code: 'originals_unavailable',
      detail: expect.stringContaining('by renaming'),
    });
  });

  it('names the store after the folder', () => {
    expect(open().name).toBe(`file:${root}`);
  });
});

/** Root may read everything, and containers run tests as root. */
async function asOrdinaryUser(check: () => Promise<void>): Promise<void> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await check();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}
