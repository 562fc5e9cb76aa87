import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findOriginal } from '../../src/avatar/find-original.ts';
import { Stages } from '../../src/avatar/stages.ts';
import { CoalescedOriginals } from '../../src/originals/coalesced.ts';
import { createFolderStore } from '../../src/originals/folder.ts';
import { parseAvatarPath } from '../../src/vocabulary/request.ts';
import { Recording } from '../originals/ordered.fixture.ts';
import { never } from '../originals/store-suite.ts';

const BYTES = 600;

it('a copy that a whole read has shown to be good leaves its memory to the next original', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'find-original-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  for (const key of ['a', 'b']) await writeFile(join(directory, key), Buffer.alloc(BYTES, key));
  // Room for one of them at a time.
  const settings = { slots: 8, heldBytes: 1000, recentBytes: 0, patienceMs: 5000 };
  const originals = new CoalescedOriginals([createFolderStore({ directory, maxBytes: 1000 })], {
    ...settings,
    events: new Recording(),
  });
  const readWhole = async (key: string) => {
    const found = await originals.read([key], { signal: never });
    if (found === undefined || found === 'unchanged') throw new Error(`${key} was not read`);
    return found;
  };
  const { etag, done } = await readWhole('a');
  done?.();

  const parts = {
    locator: { locate: () => Promise.resolve({ kind: 'at', keys: ['a'] } as const) },
    originals,
    renderer: { reserve: () => ({ [Symbol.dispose]: () => undefined }) },
  };
  const copy = { originalTag: etag };
  const whole = readWhole('a');
  // Meets the whole one under way, and gets what that gets.
  const found = await findOriginal(parts, parseAvatarPath('h/u/48/1.png'), {
    copy,
    turn: { site: 'h', client: 'c', user: 'u' },
    dueAt: Infinity,
    stages: new Stages(),
    signal: never,
  });
  expect(found).toEqual({ kind: 'unchanged', copy });
  (await whole).done?.();
  expect((await readWhole('b')).bytes).toHaveLength(BYTES);
});
