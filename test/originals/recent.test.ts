import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Original } from '../../src/avatar/ports.ts';
import { recentBytesBeside, RecentOriginals } from '../../src/originals/recent.ts';

const HOUR_MS = 3_600_000;

function original(name: string, length: number): Original {
  const bytes = Buffer.alloc(length, `${name};`);
  return { identity: name, bytes, etag: `tag of ${name}`, lastModified: new Date(length) };
}

describe('originals just read', () => {
  it('come back as they were put in, or not at all, whatever came since', () => {
    const put = fc.record({ name: fc.integer({ min: 0, max: 12 }), length: fc.nat(700) });
    fc.assert(
      fc.property(fc.array(put, { maxLength: 60 }), (puts) => {
        const recent = new RecentOriginals(1000, HOUR_MS);
        const last = new Map<string, Original>();
        for (const { name, length } of puts) {
          const given = original(`${name} of ${length}`, length);
          recent.set(`${name}`, given);
          last.set(`${name}`, given);
          for (const [each, expected] of last) {
            const found = recent.get(each);
            expect(found ?? expected).toEqual(expected);
            expect(recent.find(each)?.etag).toBe(found?.etag);
          }
        }
      }),
    );
  });

  it('are kept while there is room, the latest the longest', () => {
    const recent = new RecentOriginals(1000, HOUR_MS);
    for (const name of ['a', 'b', 'c', 'd']) recent.set(name, original(name, 250));
    expect(['a', 'b', 'c', 'd'].map((name) => recent.get(name)?.identity)).toEqual([
      'a',
      'b',
      'c',
      'd',
    ]);
    recent.set('e', original('e', 300));
    expect(['a', 'b', 'c', 'd', 'e'].map((name) => recent.get(name)?.identity)).toEqual([
      undefined,
      undefined,
      'c',
      'd',
      'e',
    ]);
  });

  it('are not touched by what their reader does with them', () => {
    const recent = new RecentOriginals(1000, HOUR_MS);
    recent.set('a', original('a', 100));
    recent.get('a')?.bytes.fill(0);
    expect(recent.get('a')).toEqual(original('a', 100));
  });

  it('are forgotten after their time', () => {
    const recent = new RecentOriginals(1000, -1);
    recent.set('a', original('a', 100));
    expect(recent.get('a')).toBeUndefined();
  });

  it('are so few that their names take no more memory than their bytes', () => {
    const recent = new RecentOriginals(1_000_000, HOUR_MS);
    const names = Array.from({ length: 20_000 }, (_, index) => `${index}`);
    for (const name of names) recent.set(name, original(name, 1));
    const kept = names.filter((name) => recent.find(name) !== undefined);
    expect(kept.length).toBe(8192);
    expect(kept.at(-1)).toBe(names.at(-1));
  });

  it('do not let one of them take all of the memory', () => {
    const recent = new RecentOriginals(1000, HOUR_MS);
    recent.set('a', original('a', 100));
    recent.set('huge', original('huge', 501));
    expect(recent.get('huge')).toBeUndefined();
    expect(recent.get('a')).toEqual(original('a', 100));
  });

  it.each([
    [24, 8],
    [64, 8],
    [100, 12.5],
    [1024, 16],
  ])('beside %d MB of variants may take %d MB', (variants, originals) => {
    expect(recentBytesBeside(variants * 1024 * 1024)).toBe(originals * 1024 * 1024);
  });
});
