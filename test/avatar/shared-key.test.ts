import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sharedKey } from '../../src/avatar/shared-key.ts';
import { formatAvatarPath, parseAvatarPath } from '../../src/vocabulary/request.ts';

describe('the key of a shared variant', () => {
  it.for([
    ['/user_avatar/meta.example.org/sam/90/5_2.png', 'user_avatar/meta.example.org/sam/90/5_2.png'],
    ['/user_avatar/h/j%C3%B6rg/90/5.png', 'user_avatar/h/jörg/90/5.png'],
    ['/user_avatar/h/%E5%90%8D%E5%89%8D/90/5.png', 'user_avatar/h/名前/90/5.png'],
    ['/user_avatar/h/a%2Bb/90/5.png', 'user_avatar/h/a+b/90/5.png'],
    ['/user_avatar/h/50%2525/90/5.png', 'user_avatar/h/50%25/90/5.png'],
    ['/user_avatar/h/a..b/90/5.png', 'user_avatar/h/a..b/90/5.png'],
  ])('of %s is the decoded path', ([address, key]) => {
    expect(sharedKey(address ?? '', 'png', 'png')).toBe(key);
  });

  it('of a name with a space is none that an address can lead to', () => {
    const key = 'encoded/user_avatar/h/a%20b/90/5.png';
    expect(sharedKey('/user_avatar/h/a%20b/90/5.png', 'png', 'png')).toBe(key);
  });

  it.for(['/user_avatar/../sam/90/5_2.png', '/user_avatar/h/../90/5_2.png'])(
    'of %s, which proxies would resolve, is none',
    (address) => {
      expect(sharedKey(address, 'png', 'png')).toBeUndefined();
    },
  );

  it('that S3 would refuse for its length is none', () => {
    const host = `${'h'.repeat(900)}.example.org`;
    expect(sharedKey(`/user_avatar/${host}/sam/90/5_2.png`, 'png', 'png')).toBeUndefined();
  });

  it.for([
    ['png', 'png', 'png'],
    ['original', 'original', 'png'],
    ['webp', 'webp', 'png'],
    ['webp', 'png', 'webp'],
    ['avif', 'original', 'avif'],
    ['jpg', 'original', 'jpg'],
    // What `.png` gives is something else, and its key is taken.
    ['png', 'original', undefined],
    ['png', 'webp', undefined],
  ] as const)('of %s, where .png addresses give %s, ends in %s', ([format, plain, extension]) => {
    const key = extension && `user_avatar/h/sam/90/5.${extension}`;
    expect(sharedKey('/user_avatar/h/sam/90/5.png', format, plain)).toBe(key);
  });

  const addresses = fc
    .tuple(
      fc.constantFrom('a.example', 'b.example'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
      fc.integer({ min: 8, max: 1000 }),
      fc.constantFrom('1', '1_1', '11'),
    )
    .map(([host, user, size, id]) => ({ host, user, size, id }))
    .filter(({ user }) => isAName(user))
    .map(({ host, user, size, id }) =>
      formatAvatarPath({ site: host, host, user, size, id, extension: 'png' }),
    );

  it('is another one for every other address', () => {
    fc.assert(
      fc.property(addresses, addresses, (one, other) => {
        const keys = [one, other].map((address) => sharedKey(address, 'png', 'png'));
        expect(keys[0] === keys[1]).toBe(one === other);
      }),
    );
  });

  it('is what S3 makes of the path of the address, unless there is a space in it', () => {
    fc.assert(
      fc.property(addresses, (address) => {
        const key = sharedKey(address, 'png', 'png') ?? '';
        // AWS reads a bare + as a space; encodeURIComponent leaves none.
        const asked = decodeURIComponent(address.slice(1).replaceAll('+', ' '));
        expect(key).toBe(asked.includes(' ') ? `encoded${address}` : asked);
      }),
    );
  });
});

function isAName(user: string): boolean {
  try {
    parseAvatarPath(`h/${encodeURIComponent(user)}/90/1.png`);
    return true;
  } catch {
    return false;
  }
}
