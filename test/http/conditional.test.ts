import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isUnchanged, parseIfNoneMatch } from '../../src/http/conditional.ts';

const validators = { etag: 'png1-48-abc', lastModified: new Date('2026-03-01T12:00:00.900Z') };

function check(ifNoneMatch?: string, ifModifiedSince?: string): boolean {
  return isUnchanged(
    { 'if-none-match': ifNoneMatch, 'if-modified-since': ifModifiedSince },
    validators,
  );
}

describe('If-None-Match', () => {
  it.each([
    ['the tag itself', '"png1-48-abc"'],
    ['the tag marked weak, as a compressing front does', 'W/"png1-48-abc"'],
    ['the tag in a list', '"x", W/"y" ,"png1-48-abc"'],
    ['a list without spaces', '"x","png1-48-abc"'],
    ['a star', '*'],
    ['a star with spaces', ' * '],
  ])('holds with %s', (_what, header) => {
    expect(check(header)).toBe(true);
  });

  it.each([
    ['another tag', '"png1-48-abd"'],
    ['the tag without quotes', 'png1-48-abc'],
    ['the tag in another case', '"PNG1-48-ABC"'],
    ['nothing', ''],
    ['a star among tags', '"x", *'],
  ])('does not hold with %s', (_what, header) => {
    expect(check(header)).toBe(false);
  });

  it('decides alone: a date that holds does not count beside it', () => {
    expect(check('"other"', 'Sun, 01 Mar 2026 12:00:00 GMT')).toBe(false);
    expect(check('"png1-48-abc"', 'Thu, 01 Jan 1970 00:00:00 GMT')).toBe(true);
  });

  it('reads no more tags than a cache would send', () => {
    const header = Array.from({ length: 5000 }, (_, index) => `"${index}"`).join(',');
    expect(parseIfNoneMatch(header)).toHaveLength(50);
  });

  it('takes any header without failing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (header) => {
        expect(typeof check(header)).toBe('boolean');
      }),
    );
  });
});

describe('If-Modified-Since', () => {
  it.each([
    ['the same second', 'Sun, 01 Mar 2026 12:00:00 GMT', true],
    ['later', 'Mon, 02 Mar 2026 12:00:00 GMT', true],
    ['a second earlier', 'Sun, 01 Mar 2026 11:59:59 GMT', false],
    ['the same second, as RFC 850 had it', 'Sunday, 01-Mar-26 12:00:00 GMT', true],
    ['the same second, as asctime() writes it', 'Sun Mar  1 12:00:00 2026', true],
    ['no date', 'yesterday-ish', false],
    ['a year', '2099', false],
    ['a date that is none of HTTP', '2099-01-01', false],
    ['a date of another zone', 'Thu, 01 Jan 2099 00:00:00 +0000', false],
    ['a day there is not', 'Mon, 30 Feb 2099 00:00:00 GMT', false],
  ])('with %s', (_what, date, holds) => {
    expect(check(undefined, date)).toBe(holds);
  });

  it('is not assumed when neither header is sent', () => {
    expect(check()).toBe(false);
  });
});
