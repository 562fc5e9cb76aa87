import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { WriteBehind, type WriteBehindLimits } from '../../src/flow/write-behind.ts';

type Item = { readonly bytes: number; readonly name: string };

/** Writes that end when the test says so. */
function writer(limits: Partial<WriteBehindLimits> = {}): {
  queue: WriteBehind<Item>;
  begun: string[];
  finish: (name: string) => void;
  aborted: string[];
} {
  const begun: string[] = [];
  const aborted: string[] = [];
  const ends = new Map<string, () => void>();
  const queue = new WriteBehind<Item>(
    { slots: 2, most: 5, mostBytes: 1000, ...limits },
    async ({ name }, signal) => {
      begun.push(name);
      await new Promise<void>((resolve) => {
        ends.set(name, resolve);
        signal.addEventListener('abort', () => {
          aborted.push(name);
          resolve();
        });
      });
    },
  );
  return { queue, begun, aborted, finish: (name) => ends.get(name)?.() };
}

function item(name: string, bytes = 1): Item {
  return { name, bytes };
}

it('begins nothing before who adds it has gone on', async () => {
  const { queue, begun } = writer();
  expect(queue.add(item('a'))).toBe(true);
  await Promise.resolve();
  expect(begun).toEqual([]);
  await turn();
  expect(begun).toEqual(['a']);
});

it('writes in order, no more at once than it may', async () => {
  const { queue, begun, finish } = writer();
  for (const name of 'abcd') queue.add(item(name));
  await turn();
  expect(begun).toEqual(['a', 'b']);
  finish('b');
  await turn();
  expect(begun).toEqual(['a', 'b', 'c']);
  expect(queue.size).toBe(3);
});

it('turns away what is too much, in number or in bytes, until there is room', async () => {
  const { queue, finish } = writer();
  expect(Array.from('abcdef', (name) => queue.add(item(name)))).toEqual([
    ...Array<boolean>(5).fill(true),
    false,
  ]);
  await turn();
  finish('a');
  await turn();
  expect(queue.add(item('g'))).toBe(true);

  const small = writer({ mostBytes: 10 });
  expect(small.queue.add(item('a', 6))).toBe(true);
  expect(small.queue.add(item('b', 5))).toBe(false);
  await turn();
  small.finish('a');
  await turn();
  expect(small.queue.add(item('b', 10))).toBe(true);
});

it('writes what is left before it closes, and takes nothing more', async () => {
  const { queue, begun, finish } = writer({ slots: 1 });
  for (const name of 'abc') queue.add(item(name));
  const closed = queue.close(60_000);
  expect(queue.add(item('d'))).toBe(false);
  for (const name of 'abc') {
    await expect.poll(() => begun).toContain(name);
    finish(name);
  }
  expect(await closed).toBe(0);
  expect(begun).toEqual(['a', 'b', 'c']);
});

it('gives up after a while, and tells how many it has not begun', async () => {
  const { queue, begun, aborted } = writer({ slots: 1 });
  for (const name of 'abc') queue.add(item(name));
  await turn();
  expect(await queue.close(1)).toBe(2);
  expect(begun).toEqual(['a']);
  expect(aborted).toEqual(['a']);
});

it('closes at once when there is nothing to write', async () => {
  expect(await writer().queue.close(60_000)).toBe(0);
});
