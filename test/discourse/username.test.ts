import { describe, expect, it } from 'vitest';
import { canBeAUsername, canonicalUser } from '../../src/discourse/username.ts';

describe('a user name', () => {
  it.each([
    ['BOB', 'bob'],
    ['Löwe', 'löwe'],
    ['LÖWE', 'löwe'],
    ['anna.b-c_D', 'anna.b-c_d'],
    ['ПЁТР', 'пётр'],
    ['İstanbul', 'i\u0307stanbul'],
    ['Straße', 'straße'],
  ])('case 3: %s is compared in lower case', (user, lower) => {
    expect(canonicalUser(user)).toBe(lower);
  });

  it('ends in a sigma as Ruby writes it, and keeps one that was written otherwise', () => {
    expect(canonicalUser('ΟΔΥΣΣΕΥΣ')).toBe('οδυσσευσ');
    expect(canonicalUser('Οδυσσεύς')).toBe('οδυσσεύς');
  });

  it('is not normalised', () => {
    expect(canonicalUser('Lo\u0308we')).not.toBe(canonicalUser('Löwe'));
  });

  it.each(['b', 'x'.repeat(60), '𝔟'.repeat(60), "'; DROP TABLE users; --", '%_\\'])(
    'can be %s',
    (name) => {
      expect(canBeAUsername(name)).toBe(true);
    },
  );

  it.each([
    ['empty', ''],
    ['longer than the column', 'x'.repeat(61)],
    ['1,000 bytes long', 'ä'.repeat(500)],
    ['a megabyte long', 'x'.repeat(1_000_000)],
    ['with NUL, which PostgreSQL refuses', 'bob\0'],
    ['with a line break', 'bob\n1'],
    ['with a slash', 'bob/10_2'],
    ['half of a surrogate pair', 'bob\uD800'],
  ])('cannot be %s', (_case, name) => {
    expect(canBeAUsername(name)).toBe(false);
  });
});
