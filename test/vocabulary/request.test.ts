import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AvatarError } from '../../src/errors.ts';
import { formatAvatarPath, parseAvatarPath } from '../../src/vocabulary/request.ts';

describe('the grammar of an avatar address', () => {
  it('reads the address every forum knows', () => {
    expect(parseAvatarPath('meta.discourse.org/jongnam/90/52330_1.png')).toEqual({
      site: 'meta.discourse.org',
      host: 'meta.discourse.org',
      user: 'jongnam',
      size: 90,
      id: '52330_1',
      extension: 'png',
    });
  });

  it.each([
    ['any script', '%EC%9C%A0%EB%8B%88', '유니'],
    ['an emoji', '%F0%9F%A6%89', '🦉'],
    ['dots and dashes', 'a..b-c_d.', 'a..b-c_d.'],
    ['escapes of harmless characters', '%6a%6F', 'jo'],
    ['a plus, which is no space here', 'a+b', 'a+b'],
    ['a percent sign, decoded once only', '%252e%252e%252f', '%2e%2e%2f'],
    ['three dots', '...', '...'],
  ])('takes %s in a user name', (_what, encoded, decoded) => {
    expect(parseAvatarPath(`h/${encoded}/48/1.png`).user).toBe(decoded);
  });

  it.each([
    ['two dots', '..'],
    ['two dots, encoded', '%2e%2E'],
    ['one dot', '%2e'],
    ['an encoded slash', 'a%2fb'],
    ['an encoded climb', '%2e%2e%2f'],
    ['a backslash', 'a%5cb'],
    ['NUL', 'a%00'],
    ['a line feed, which would forge a log line', 'a%0ab'],
    ['bytes that are no UTF-8', '%ff%fe'],
    ['an overlong encoding of a slash', '%c0%af'],
    ['half a surrogate pair', '%ed%a0%80'],
    ['a lone percent sign', '100%'],
    ['nothing', ''],
    ['256 bytes', 'é'.repeat(128)],
  ])('refuses %s as a user name', (_what, user) => {
    expect(() => parseAvatarPath(`h/${user}/48/1.png`)).toThrow(AvatarError);
  });

  it.each(['7', '1001', '048', '4.8', '-48', '48px', '１２', '', '1e2', '99999999999'])(
    'refuses the size %j',
    (size) => {
      expect(() => parseAvatarPath(`h/u/${size}/1.png`)).toThrow(AvatarError);
    },
  );

  it.each(['8', '1000'])('takes the size %s at the edge of the range', (size) => {
    expect(parseAvatarPath(`h/u/${size}/1.png`).size).toBe(Number(size));
  });

  it.each(['1', '52330_1', 'b33b5af', '0b8f-41d2_12'])('takes the id %s', (id) => {
    expect(parseAvatarPath(`h/u/48/${id}.png`).id).toBe(id);
  });

  it.each([
    '.png',
    '1.gif',
    '1.PNG',
    '1.png.exe',
    '1',
    '1_.png',
    '_1.png',
    '1_a.png',
    '%31.png',
    '1 .png',
    '-1.png',
  ])('refuses the file %j', (file) => {
    expect(() => parseAvatarPath(`h/u/48/${file}`)).toThrow(AvatarError);
  });

  it('takes a GIF where what moves is kept moving', () => {
    expect(parseAvatarPath('h/u/48/1.gif', true).extension).toBe('gif');
    expect(() => parseAvatarPath('h/u/48/1.awebp', true)).toThrow(AvatarError);
  });

  it.each(['', '.', '..', '.h', 'h.', 'a..b', 'h:80', 'h%2e', 'h ', 'ü.de', 'x'.repeat(254)])(
    'refuses the host %j',
    (host) => {
      expect(() => parseAvatarPath(`${host}/u/48/1.png`)).toThrow(AvatarError);
    },
  );

  it('folds the case of the host and of nothing else', () => {
    expect(parseAvatarPath('META.Example.org/Bob/48/1.png')).toMatchObject({
      host: 'meta.example.org',
      user: 'Bob',
    });
  });

  it('refuses more or fewer parts', () => {
    for (const path of ['', 'h', 'h/u/48', 'h/u/48/1.png/', '/h/u/48/1.png', 'h//u/48/1.png']) {
      expect(() => parseAvatarPath(path), path).toThrow(AvatarError);
    }
  });

  it('fails with "path_invalid" only, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (path) => {
        expect(codeOf(path)).toMatch(/^(?:none|path_invalid)$/);
      }),
      { numRuns: 2000 },
    );
  });

  it('finds in a canonical address the request it was made from', () => {
    const requests = fc
      .record({
        host: fc.constantFrom('h', 'meta.example.org', 'xn--bcher-kva.example'),
        user: fc
          .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
          // oxlint-disable-next-line no-control-regex
          .filter((user) => !/[/\\\u0000-\u001F\u007F-\u009F\u2028\u2029]|^\.{1,2}$/.test(user)),
        size: fc.integer({ min: 8, max: 1000 }),
        id: fc.constantFrom('1', '52330_1', 'abc-def'),
        extension: fc.constantFrom('png', 'jpg', 'webp', 'avif'),
      })
      .map((request) => ({ ...request, site: request.host }));
    fc.assert(
      fc.property(requests, (request) => {
        const path = formatAvatarPath(request);
        expect(parseAvatarPath(path.slice('/user_avatar/'.length))).toEqual(request);
      }),
    );
  });
});

function codeOf(path: string): string {
  try {
    parseAvatarPath(path);
    return 'none';
  } catch (error) {
    return error instanceof AvatarError ? error.code : String(error);
  }
}
