import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { discourseGrammar } from '../../src/discourse/address.ts';
import { parseLetterPath, parseLetterProxyPath } from '../../src/discourse/letter-address.ts';

const grammar = discourseGrammar((host) => `site of ${host}`);

describe('an address of Discourse', () => {
  it.each([
    ['in its canonical form', 'h/bob/48/10_2.png', 'bob', 48],
    ['with capitals and junk', 'h/BOB/48/10abc_1.png', 'bob', 48],
    ['with zeros before the size, as Ruby reads it', 'h/bob/00048/10.png', 'bob', 48],
    ['with what routes take encoded only', 'h/b%27o%7Eb%21/48/10_2.png', "b'o~b!", 48],
  ])('is read %s', (_what, path, user, size) => {
    const read = { site: 'site of h', host: 'h', user, size, id: '10_2', extension: 'png' };
    expect(grammar.parse(path)).toStrictEqual(read);
  });

  it.each([
    ['a lone percent sign in the name', 'h/bob%/48/10_2.png'],
    ['a name of no UTF-8', 'h/%FF/48/10_2.png'],
    ['a version of no UTF-8', 'h/bob/48/%FF.png'],
  ])('is none with %s', (_what, path) => {
    expect(() => grammar.parse(path)).toThrow(expect.objectContaining({ code: 'path_invalid' }));
  });

  it.each(['a%0Ab', 'a%00', '%C2%85', 'a%2Fb'])('of %s, which is no name, is nobody’s', (name) => {
    expect(grammar.parse(`h/${name}/48/10_2.png`)).toMatchObject({ isUnassignable: true });
  });

  it('that it writes, it reads as the same', () => {
    const property = fc.property(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      fc.integer({ min: 8, max: 1000 }),
      fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      (name, size, upload) => {
        const asked = grammar.parse(`h/${percentEncoded(name)}/${size}/${upload}.png`);
        if ('isUnassignable' in asked) return;
        const path = grammar.format(asked).replace('/user_avatar/', '');
        expect(grammar.parse(path)).toStrictEqual(asked);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});

describe('an address of a letter', () => {
  it.each(['bob%/48/5.png', '%FF/48/5.png'])('is none with bytes that are no UTF-8: %s', (path) => {
    expect(() => parseLetterPath(path)).toThrow(expect.objectContaining({ code: 'path_invalid' }));
  });

  it('of another service is none with a letter that is no UTF-8', () => {
    expect(() => parseLetterProxyPath('v4/letter/%FF/aaaaaa/48.png')).toThrow(
      expect.objectContaining({ code: 'path_invalid' }),
    );
  });
});

/** Each byte. */
function percentEncoded(text: string): string {
  return Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}
