import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHttpDate } from '../../src/http/http-date.ts';

const NOW = Date.UTC(2026, 2, 1);
/** The example of RFC 9110, section 5.6.7. */
const EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37);

describe('an HTTP-date', () => {
  it.each([
    ['as all should send it', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['as RFC 850 had it', 'Sunday, 06-Nov-94 08:49:37 GMT'],
    ['as asctime() writes it', 'Sun Nov  6 08:49:37 1994'],
  ])('is read %s', (_how, text) => {
    expect(parseHttpDate(text, NOW)).toBe(EXAMPLE);
  });

  it.each([
    ['Monday, 01-Jan-24 00:00:00 GMT', Date.UTC(2024, 0, 1)],
    // Fifty years ahead, and one more.
    ['Wednesday, 01-Jan-76 00:00:00 GMT', Date.UTC(2076, 0, 1)],
    ['Saturday, 01-Jan-77 00:00:00 GMT', Date.UTC(1977, 0, 1)],
  ])('of two digits is of the century that makes sense: %s', (text, time) => {
    expect(parseHttpDate(text, NOW)).toBe(time);
  });

  it.each([
    '',
    '2099',
    '2099-01-01',
    '2099-01-01T00:00:00Z',
    'Invalid Date',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'sun, 06 nov 1994 08:49:37 gmt',
    ' Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
    'Mon, 06 Nov 1994 08:49:37 GMT',
    'Wed, 30 Feb 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:49:37 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sunsday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov 6 08:49:37 1994',
    'Sun Nov  6 08:49:37 1994 GMT',
    'Sun, 06 Nov -994 08:49:37 GMT',
  ])('is none that is in no form of RFC 9110 or names no day: %j', (text) => {
    expect(parseHttpDate(text, NOW)).toBeUndefined();
  });

  it('is read as it was written, whatever the day', () => {
    const times = fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(times, (date) => {
        expect(parseHttpDate(date.toUTCString(), NOW)).toBe(
          Math.floor(date.getTime() / 1000) * 1000,
        );
      }),
    );
  });
});
