import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { preferredFormat } from '../../src/http/accept.ts';
import { NEGOTIATIONS, type NegotiableFormat } from '../../src/vocabulary/formats.ts';
import { MADE_UP, MALFORMED, REAL, WEIGHED } from './accept-matrix.ts';

const BOTH: readonly NegotiableFormat[] = ['avif', 'webp'];

describe('the format a client prefers', () => {
  it('is tried on sixty headers and more that real clients send', () => {
    expect(new Set(REAL.map(({ accept }) => accept)).size).toBeGreaterThanOrEqual(60);
    expect(new Set(REAL.map(({ who, accept }) => `${who}: ${accept}`)).size).toBe(REAL.length);
  });

  it.each([...REAL, ...MADE_UP, ...MALFORMED, ...WEIGHED])('of $who is $gets', (client) => {
    const wish = preferredFormat(client.accept, BOTH);
    expect(wish).toBe(client.gets === 'png' ? 'none' : client.gets);
  });

  it('is one of those offered', () => {
    const chrome = 'image/avif,image/webp,image/apng,image/*,*/*;q=0.8';
    expect(preferredFormat(chrome, ['webp'])).toBe('webp');
    expect(preferredFormat(chrome, ['avif'])).toBe('avif');
    expect(preferredFormat(chrome, [])).toBe('none');
    expect(preferredFormat('image/webp', ['avif'])).toBe('none');
  });

  it('is the first offered where the client likes them the same', () => {
    expect(preferredFormat('image/avif,image/webp', ['webp', 'avif'])).toBe('webp');
    expect(preferredFormat('image/avif,image/webp;q=0.9', ['webp', 'avif'])).toBe('avif');
  });
});

describe('any header', () => {
  const weight = fc.constantFrom('', ';q=0', ';q=0.5', '; q=1', ';q=9', ';q=', ';level=1');
  const type = fc.constantFrom('image/avif', 'image/webp', 'image/png', 'image/*', '*/*', 'a/b');
  const range = fc.tuple(type, weight).map((parts) => parts.join(''));
  const list = fc.array(fc.oneof(range, fc.string()), { maxLength: 12 }).map(String);
  const offered = fc.constantFrom<readonly NegotiableFormat[]>([], ...Object.values(NEGOTIATIONS));

  it('is answered, with what is offered or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(list, fc.string()), offered, (accept, formats) => {
        expect(['none', ...formats]).toContain(preferredFormat(accept, formats));
      }),
    );
  });

  it('gets no format that it does not name, or refuses', () => {
    fc.assert(
      fc.property(list, (accept) => {
        const wish = preferredFormat(accept, BOTH);
        if (wish === 'none') return;
        const named = accept.split(',').filter((each) => each.trim().startsWith(`image/${wish}`));
        expect(named).not.toEqual([]);
        expect(named.some((each) => /;\s*q=0$/.test(each.trim()))).toBe(false);
      }),
    );
  });

  it('means the same in any order, in any case, and with spaces', () => {
    const shuffled = fc
      .array(range, { maxLength: 6 })
      .chain((ranges) =>
        fc.tuple(
          fc.constant(ranges),
          fc.shuffledSubarray(ranges, { minLength: ranges.length, maxLength: ranges.length }),
        ),
      );
    fc.assert(
      fc.property(shuffled, ([ranges, others]) => {
        const other = others.join(' ,\t').toUpperCase();
        expect(preferredFormat(other, BOTH)).toBe(preferredFormat(ranges.join(','), BOTH));
      }),
    );
  });

  it('never costs a millisecond, however malformed', () => {
    const costs = MALFORMED.map(({ who, accept }) => {
      const before = process.cpuUsage();
      for (let run = 0; run < 1000; run += 1) preferredFormat(accept, BOTH);
      const { user, system } = process.cpuUsage(before);
      return { who, milliseconds: (user + system) / 1000 / 1000 };
    });
    expect(costs.filter(({ milliseconds }) => milliseconds >= 1)).toEqual([]);
  });
});
