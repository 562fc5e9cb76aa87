import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Original } from '../../src/avatar/ports.ts';
import type { OriginalStore } from '../../src/originals/store.ts';

/** A place a store reads from, empty at first. */
type Ground = {
  put(key: string, bytes: Uint8Array): Promise<void>;
  openStore(maxBytes: number): OriginalStore;
  close(): Promise<void>;
};

export const never = new AbortController().signal;

export async function readOriginal(store: OriginalStore, key: string): Promise<Original> {
  const found = await store.read(key, { signal: never });
  if (found === undefined || found === 'unchanged') throw new Error(`${key}: ${String(found)}`);
  return found;
}

const MAX_BYTES = 100_000;

const AWKWARD_KEYS = [
  'with space.png',
  'a+b.png',
  '100%.png',
  '%2e%2e%2fpercent.png',
  'jürgen/ж/日本語.png',
  'emoji-😀.png',
  '.hidden',
  '...',
  'a..b/..c/d..',
  'semi;colon,comma=equals&ampersand?question#hash',
  'quote\'double"paren()star*tilde~bang!',
  'original/3X/d/e/deadbeef.jpeg',
];

/** What every store of originals does alike. */
export function describeStore(kind: string, prepare: () => Promise<Ground>): void {
  describe(`${kind}, as every store of originals`, () => {
    let ground: Ground;
    let store: OriginalStore;

    beforeAll(async () => {
      ground = await prepare();
      store = ground.openStore(MAX_BYTES);
    });

    afterAll(async () => {
      store.close();
      await ground.close();
    });

    it('gives the bytes that were put, with who they are and when they changed', async () => {
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 251));
      await ground.put('whole/7.png', bytes);

      const original = await readOriginal(store, 'whole/7.png');

      expect(original.bytes.equals(bytes)).toBe(true);
      expect(original.etag).toMatch(/^[A-Za-z0-9.-]+$/);
      expect(original.identity).toBe(`${store.name}/whole/7.png@${original.etag}`);
      const ageMs = Date.now() - original.lastModified.getTime();
      expect(Math.abs(ageMs)).toBeLessThan(600_000);
    });

    it('finds nothing where nothing is', async () => {
      await ground.put('there/is', Buffer.from('something'));

      const keys = ['', 'there', 'there/is/not', 'there/isn', 'x'.repeat(1500), 'nowhere'];

      const found = await Promise.all(keys.map((key) => store.read(key, { signal: never })));

      expect(found).toEqual(keys.map(() => undefined));
    });

    it('keeps the entity tag while the bytes stay, and changes it when they do', async () => {
      await ground.put('tag.png', Buffer.from('first'));
      const first = await readOriginal(store, 'tag.png');
      const again = await readOriginal(store, 'tag.png');
      await ground.put('tag.png', Buffer.from('second'));
      const second = await readOriginal(store, 'tag.png');

      expect(again.etag).toBe(first.etag);
      expect(second.etag).not.toBe(first.etag);
    });

    it('says unchanged to who has the bytes, and gives them to who has others', async () => {
      await ground.put('known.png', Buffer.from('known'));
      const { etag } = await readOriginal(store, 'known.png');

      const unchanged = await store.read('known.png', { signal: never, ifNoneMatch: etag });
      const other = await store.read('known.png', { signal: never, ifNoneMatch: 'other' });

      expect(unchanged).toBe('unchanged');
      expect(other).toMatchObject({ etag, bytes: Buffer.from('known') });
    });

    it('does not say unchanged of what is gone', async () => {
      expect(await store.read('gone.png', { signal: never, ifNoneMatch: 'abc' })).toBeUndefined();
    });

    it('takes an object of the greatest size allowed and refuses one byte more', async () => {
      await ground.put('fits', Buffer.alloc(MAX_BYTES));
      await ground.put('exceeds', Buffer.alloc(MAX_BYTES + 1));

      const fits = await readOriginal(store, 'fits');

      expect(fits.bytes).toHaveLength(MAX_BYTES);
      await expect(store.read('exceeds', { signal: never })).rejects.toMatchObject({
        code: 'original_too_large',
        status: 422,
      });
    });

    it('reads an object of no bytes', async () => {
      await ground.put('empty', Buffer.alloc(0));

      const original = await readOriginal(store, 'empty');

      expect(original.bytes).toHaveLength(0);
    });

    it.each(AWKWARD_KEYS)('reads the key %j as it is', async (key) => {
      await ground.put(key, Buffer.from(`bytes of ${key}`));

      const original = await readOriginal(store, key);

      expect(original.bytes.toString()).toBe(`bytes of ${key}`);
    });

    it('rejects with the reason of who asked it to stop, and reads on for others', async () => {
      await ground.put('left.png', Buffer.alloc(50_000, 'x'));
      const reason = new Error('the client left');
      const controller = new AbortController();

      const reading = store.read('left.png', { signal: controller.signal });
      controller.abort(reason);

      await expect(reading).rejects.toBe(reason);
      await expect(store.read('left.png', { signal: controller.signal })).rejects.toBe(reason);
      await expect(store.probe(controller.signal)).rejects.toBe(reason);
      expect((await readOriginal(store, 'left.png')).bytes).toHaveLength(50_000);
    });

    it('reads many at once', async () => {
      const keys = Array.from({ length: 40 }, (_, index) => `many/${index}`);
      for (const key of keys) await ground.put(key, Buffer.from(key));

      const originals = await Promise.all(keys.map((key) => readOriginal(store, key)));

      expect(originals.map(({ bytes }) => bytes.toString())).toEqual(keys);
    });

    it('can be reached', async () => {
      await expect(store.probe(never)).resolves.toBeUndefined();
    });
  });
}
