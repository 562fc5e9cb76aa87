import { describe, expect, it } from 'vitest';
import { askedFormat, outputFormat } from '../../src/avatar/format-choice.ts';
import { avatarKey, entityTag, heldCopy, variantKey } from '../../src/avatar/variant.ts';

const profiles = { png: 3, jpg: 1, webp: 1, avif: 1, gif: 1, awebp: 1, agif: 1, svg: 1 };
const original = { etag: '9b2cf535f27731c974343645a3985328-2' };

describe('the entity tag of a variant', () => {
  it('differs by original, size, format and profile', () => {
    const tags = [
      entityTag(original, 90, 'png', profiles),
      entityTag({ etag: 'other' }, 90, 'png', profiles),
      entityTag(original, 91, 'png', profiles),
      entityTag(original, 90, 'webp', profiles),
      entityTag(original, 90, 'png', { ...profiles, png: 4 }),
    ];
    expect(new Set(tags).size).toBe(tags.length);
  });

  it('gives the tag of the original back', () => {
    const tag = entityTag(original, 90, 'png', profiles);
    expect(heldCopy(['"nonsense', tag], 90, 'png', profiles)).toEqual({
      tag,
      originalTag: original.etag,
    });
  });

  it('gives nothing back for another size, format or profile', () => {
    const tags = [entityTag(original, 90, 'png', profiles)];
    expect(heldCopy(tags, 48, 'png', profiles)).toBeUndefined();
    expect(heldCopy(tags, 90, 'webp', profiles)).toBeUndefined();
    expect(heldCopy(tags, 90, 'png', { ...profiles, png: 2 })).toBeUndefined();
  });

  it('holds in the format that the original had kept, where its own is asked for', () => {
    const tag = entityTag(original, 90, 'jpg', profiles, 'original');
    expect(heldCopy([tag], 90, 'original', profiles)).toEqual({ tag, originalTag: original.etag });
    expect(heldCopy([tag], 90, 'jpg', profiles)).toBeUndefined();
  });

  it('does not hold where the original’s own format is asked for and another had been', () => {
    const negotiated = entityTag(original, 90, 'webp', profiles);
    const kept = entityTag(original, 90, 'jpg', profiles, 'original');
    expect(heldCopy([negotiated], 90, 'original', profiles)).toBeUndefined();
    expect(heldCopy([negotiated, kept], 90, 'original', profiles)?.tag).toBe(kept);
    expect(heldCopy([negotiated, kept], 90, 'webp', profiles)?.tag).toBe(negotiated);
  });
});

describe('the keys', () => {
  const request = {
    site: 'h',
    host: 'h',
    user: 'ü',
    size: 48,
    id: '1_2',
    extension: 'png',
  } as const;

  it('name the variant by all that decides its bytes', () => {
    expect(variantKey(request, 'webp')).toBe('h/ü/1_2/48.webp');
  });

  it('name the avatar whatever its size and format', () => {
    expect(avatarKey(request)).toBe(avatarKey({ ...request, size: 96, extension: 'avif' }));
  });
});

describe('a copy that moves', () => {
  const tagOf = (format: 'webp' | 'awebp' | 'agif'): string =>
    entityTag(original, 48, format, profiles);

  it('has a key and a tag of its own', () => {
    const request = {
      site: 'h',
      host: 'h',
      user: 'u',
      size: 48,
      id: '1',
      extension: 'webp',
    } as const;
    expect(variantKey(request, 'awebp')).not.toBe(variantKey(request, 'webp'));
    expect(tagOf('awebp')).not.toBe(tagOf('webp'));
  });

  it('is held by who may be given it, and so is a still of what cannot move', () => {
    const still = entityTag(original, 48, 'webp', profiles, 'awebp');
    expect(heldCopy([tagOf('awebp')], 48, 'awebp', profiles)?.originalTag).toBe(original.etag);
    expect(heldCopy([still], 48, 'awebp', profiles)?.originalTag).toBe(original.etag);
  });

  it('is not taken to be what a still was made from that had been asked for as one', () => {
    expect(heldCopy([tagOf('webp')], 48, 'awebp', profiles)).toBeUndefined();
  });

  it('is no copy for who asks for a still, for another format, or for the original’s', () => {
    expect(heldCopy([tagOf('awebp')], 48, 'webp', profiles)).toBeUndefined();
    expect(heldCopy([tagOf('agif')], 48, 'awebp', profiles)).toBeUndefined();
    expect(heldCopy([tagOf('awebp')], 48, 'original', profiles)).toBeUndefined();
  });
});

describe('the format of a variant', () => {
  it.each([
    ['jpeg', 'jpg'],
    ['png', 'png'],
    ['webp', 'webp'],
    ['avif', 'avif'],
    ['gif', 'png'],
  ] as const)('is kept from a %s as %s when the original’s is asked for', (kept, format) => {
    expect(outputFormat('original', kept)).toBe(format);
  });

  it('is the one asked for otherwise', () => {
    expect(outputFormat('png', 'jpeg')).toBe('png');
  });

  it.each([
    ['awebp', 'gif', true, 'awebp'],
    ['awebp', 'gif', false, 'webp'],
    ['agif', 'webp', true, 'agif'],
    ['agif', 'jpeg', false, 'gif'],
    ['webp', 'gif', true, 'webp'],
    ['original', 'gif', true, 'png'],
    ['original', 'webp', true, 'webp'],
  ] as const)(
    'asked for as %s of a %s that can move: %s, is %s',
    (asked, original, can, format) => {
      expect(outputFormat(asked, original, can)).toBe(format);
    },
  );

  it('may move only where motion is kept, and never where the original’s is asked for', () => {
    expect(askedFormat('webp', 'none', 'png', false)).toBe('webp');
    expect(askedFormat('webp', 'none', 'png', true)).toBe('awebp');
    expect(askedFormat('gif', 'none', 'png', true)).toBe('agif');
    expect(askedFormat('png', 'webp', 'png', true)).toBe('awebp');
    expect(askedFormat('png', 'avif', 'png', true)).toBe('avif');
    expect(askedFormat('png', 'none', 'png', true)).toBe('png');
    expect(askedFormat('png', 'none', 'original', true)).toBe('original');
  });
});
