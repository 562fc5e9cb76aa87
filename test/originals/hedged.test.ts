import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFolderStore } from '../../src/originals/folder.ts';
import { createHedgedStore } from '../../src/originals/hedged.ts';
import type { OriginalStore, StoreReadOptions } from '../../src/originals/store.ts';
import { never } from './store-suite.ts';

/** `fails`: once the second read has begun. */
type Behaviour = 'quick' | 'hangs' | 'fails';

let directory: string;
/** What the next reads do; `quick` when there is nothing more. */
let behaviours: Behaviour[];
let reads: number;
let aborted: number;
let won: string[];
let store: OriginalStore;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hedged-'));
  await writeFile(join(directory, 'a'), 'bytes of a');
  behaviours = [];
  reads = 0;
  aborted = 0;
  won = [];
  const folder = createFolderStore({ directory, maxBytes: 100 });
  const moody = {
    ...folder,
    read: (key: string, options: StoreReadOptions) => act(folder, key, options),
  };
  store = createHedgedStore(moody, (first) => won.push(first));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function act(folder: OriginalStore, key: string, options: StoreReadOptions) {
  reads += 1;
  switch (behaviours.shift() ?? 'quick') {
    case 'quick':
      return await folder.read(key, options);
    case 'fails':
      while (behaviours.length > 0) await sleep(5);
      throw new Error('failed');
    case 'hangs':
      return await new Promise<never>((_resolve, reject) => {
        options.signal.addEventListener('abort', () => {
          aborted += 1;
          reject(options.signal.reason);
        });
      });
  }
}

const read = (signal = never) => store.read('a', { signal });

async function learn(count = 100): Promise<void> {
  for (let n = 0; n < count; n += 1) await read();
  // A machine that hesitates may have made it hedge already.
  reads = 0;
  aborted = 0;
  won = [];
}

describe('a hedged store', () => {
  it('does not begin a second read before it knows what is slow', async () => {
    await learn(10);
    behaviours = ['hangs'];
    const timeUp = { name: 'TimeoutError' };
    await expect(read(AbortSignal.timeout(150))).rejects.toMatchObject(timeUp);
    expect(reads).toBe(1);
  });

  it('takes the answer of the second read when the first hangs, and ends the first', async () => {
    await learn();
    behaviours = ['hangs'];
    expect(await read()).toMatchObject({ bytes: Buffer.from('bytes of a') });
    expect(won).toEqual(['hedge']);
    expect(aborted).toBe(1);
  });

  it('waits for the first when the second fails, and the other way round', async () => {
    await learn();
    behaviours = ['fails', 'quick'];
    expect(await read()).toMatchObject({ bytes: Buffer.from('bytes of a') });
    behaviours = ['fails', 'fails'];
    await expect(read()).rejects.toThrow('failed');
  });

  it('ends both when who asked leaves', async () => {
    await learn();
    behaviours = ['hangs', 'hangs'];
    const client = new AbortController();
    const reading = read(client.signal).catch((error: unknown) => error);
    await expect.poll(() => reads).toBe(2);
    const reason = new Error('left');
    client.abort(reason);
    expect(await reading).toBe(reason);
    expect(aborted).toBe(2);
  });

  it('never makes more than three second reads of a hundred, however slow all are', async () => {
    await learn();
    behaviours = Array.from({ length: 400 }, () => 'hangs');
    const readings = Array.from({ length: 100 }, () =>
      read(AbortSignal.timeout(600)).catch(String),
    );
    await Promise.all(readings);
    // Those saved up before, and those that the hundred bring.
    expect(reads - 100).toBeLessThanOrEqual(6);
    expect(reads - 100).toBeGreaterThan(0);
  });
});
