import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSafePrefix, keysOfUpload } from '../../src/discourse/upload-url.ts';

const SHA = 'b33b0123456789abcdef0123456789abcdef0123';
const ORIGINAL = `original/3X/b/3/${SHA}.png`;
const DUALSTACK = '//forum.s3.dualstack.eu-central-1.amazonaws.com';

describe('the key of an upload', () => {
  it.each([
    ['dual-stack', `${DUALSTACK}/${ORIGINAL}`],
    ['virtual host', `//forum.s3.eu-central-1.amazonaws.com/${ORIGINAL}`],
    ['historic virtual host', `//forum.s3.amazonaws.com/${ORIGINAL}`],
    ['with a scheme', `https://forum.s3.amazonaws.com/${ORIGINAL}`],
    ['China', `//forum.s3.cn-north-1.amazonaws.com.cn/${ORIGINAL}`],
    ['custom endpoint', `//forum.storage.example.org/${ORIGINAL}`],
    ['custom endpoint with a port', `//forum.storage.example.org:9000/${ORIGINAL}`],
    ['path style', `//s3.amazonaws.com/forum/${ORIGINAL}`],
    ['path style of a region', `//s3-eu-west-1.amazonaws.com/forum/${ORIGINAL}`],
    ['path style, newer', `//s3.eu-west-1.amazonaws.com/forum/${ORIGINAL}`],
    ['path style, dual-stack', `//s3.dualstack.eu-west-1.amazonaws.com/forum/${ORIGINAL}`],
    ['path style, China', `//s3.cn-north-1.amazonaws.com.cn/forum/${ORIGINAL}`],
    ['a bucket with dots', `//s3.of.forum.s3.amazonaws.com/${ORIGINAL}`],
    ['a bucket of somebody else', `//elsewhere.s3.amazonaws.com/${ORIGINAL}`],
  ])('%s: is the path below the bucket, and there is no other', (_form, url) => {
    expect(keysOfUpload(url)).toStrictEqual([ORIGINAL]);
  });

  it('keeps the folder in the bucket and the site’s folder, and then tries without', () => {
    expect(keysOfUpload(`${DUALSTACK}/folder/uploads/default/${ORIGINAL}`)).toStrictEqual([
      `folder/uploads/default/${ORIGINAL}`,
      `uploads/default/${ORIGINAL}`,
      ORIGINAL,
    ]);
    expect(keysOfUpload(`${DUALSTACK}/folder/${ORIGINAL}`)).toStrictEqual([
      `folder/${ORIGINAL}`,
      ORIGINAL,
    ]);
  });

  it('comes first without the prefix that the store puts before it', () => {
    const url = `${DUALSTACK}/folder/uploads/default/${ORIGINAL}`;
    for (const prefix of ['folder', 'folder/', '/folder']) {
      expect(keysOfUpload(url, { storePrefixes: [prefix] })[0]).toBe(`uploads/default/${ORIGINAL}`);
    }
    const both = keysOfUpload(url, { storePrefixes: ['elsewhere', 'folder/uploads/default'] });
    expect(both[0]).toBe(ORIGINAL);
    expect(keysOfUpload(url, { storePrefixes: ['fold'] })[0]).toBe(
      `folder/uploads/default/${ORIGINAL}`,
    );
  });

  it('comes first without the bucket, when path style on a custom endpoint names a known one', () => {
    const url = `//storage.example.org/forum/${ORIGINAL}`;
    expect(keysOfUpload(url, { buckets: ['forum'] })).toStrictEqual([ORIGINAL]);
    expect(keysOfUpload(url)).toStrictEqual([`forum/${ORIGINAL}`, ORIGINAL]);
    // A folder of the bucket's own name.
    expect(keysOfUpload(`//forum.example.org/forum/${ORIGINAL}`, { buckets: ['forum'] })[0]).toBe(
      `forum/${ORIGINAL}`,
    );
  });

  it('of a file not migrated is where it was, or where Discourse’s migration puts it', () => {
    const keys = [`uploads/default/${ORIGINAL}`, ORIGINAL];
    expect(keysOfUpload(`/uploads/default/${ORIGINAL}`)).toStrictEqual(keys);
    expect(keysOfUpload(`/forum/uploads/default/${ORIGINAL}`)).toStrictEqual(keys);
  });

  it('of a file not migrated is below the local prefix alone, when there is one', () => {
    expect(keysOfUpload(`/uploads/default/${ORIGINAL}`, { localPrefix: 'disk/' })).toStrictEqual([
      `disk/uploads/default/${ORIGINAL}`,
    ]);
  });

  it.each([
    ['//forum.s3.amazonaws.com/42b33b.png', '42b33b.png'],
    ['/uploads/default/42/b33b.png', 'uploads/default/42/b33b.png'],
    ['/uploads/default/original/3/b33b.png', 'uploads/default/original/3/b33b.png'],
  ])('of the layouts before original/NX is the path: %s', (url, key) => {
    expect(keysOfUpload(url)).toStrictEqual([key]);
  });

  it('keeps the site’s folder when several sites share the stores', () => {
    const rules = { multisite: true };
    expect(keysOfUpload(`${DUALSTACK}/folder/uploads/second/${ORIGINAL}`, rules)).toStrictEqual([
      `folder/uploads/second/${ORIGINAL}`,
      `uploads/second/${ORIGINAL}`,
    ]);
    expect(keysOfUpload(`/uploads/second/${ORIGINAL}`, rules)).toStrictEqual([
      `uploads/second/${ORIGINAL}`,
    ]);
  });

  it.each([
    [`${DUALSTACK}/folder/uploads/second/${ORIGINAL}`, `sites/second/${ORIGINAL}`],
    [`${DUALSTACK}/${ORIGINAL}`, `sites/second/${ORIGINAL}`],
    [`/uploads/default/${ORIGINAL}`, `sites/second/${ORIGINAL}`],
    ['/uploads/default/42/b33b.png', 'sites/second/42/b33b.png'],
    ['//forum.s3.amazonaws.com/42b33b.png', 'sites/second/42b33b.png'],
  ])('is below the site’s own prefix alone: %s', (url, key) => {
    expect(keysOfUpload(url, { keyPrefix: 'sites/second', localPrefix: 'disk' })).toStrictEqual([
      key,
    ]);
  });

  it.each([
    ['51: a failed upload', ''],
    ['no path', '//forum.s3.amazonaws.com'],
    ['an empty path', '//forum.s3.amazonaws.com/'],
    ['a picture of Discourse itself', '/images/avatar.png'],
    ['a short URL', 'upload://abc.png'],
    ['a script', 'javascript:alert(1)'],
    ['a parent folder', `${DUALSTACK}/../${ORIGINAL}`],
    ['a parent folder in the middle', `${DUALSTACK}/original/1X/../../secret`],
    ['a parent folder before what is kept', `${DUALSTACK}/uploads/../${ORIGINAL}`],
    ['a parent folder on the disk', `/../uploads/default/${ORIGINAL}`],
    ['this folder', `${DUALSTACK}/./original/1X/a.png`],
    ['an empty folder', `${DUALSTACK}/original/1X//a.png`],
    ['a folder', `${DUALSTACK}/original/1X/`],
    ['an encoded parent folder', `${DUALSTACK}/original/1X/%2e%2e/a.png`],
    ['NUL', `${DUALSTACK}/original/1X/a\0.png`],
    ['a line break', `${DUALSTACK}/original/1X/a\n.png`],
    ['a backslash', `${DUALSTACK}/original/1X/..\\..\\a.png`],
    ['a query', `${DUALSTACK}/original/1X/a.png?versionId=1`],
    ['half of a surrogate pair', `${DUALSTACK}/original/1X/\uD800.png`],
    ['more than S3 allows', `${DUALSTACK}/original/1X/${'a'.repeat(1024)}.png`],
  ])('case %s: there is none', (_case, url) => {
    expect(keysOfUpload(url)).toStrictEqual([]);
    expect(keysOfUpload(url, { keyPrefix: 'sites/second' })).toStrictEqual([]);
  });

  it('never leaves the site’s prefix and never has a segment with a meaning, whatever the URL', () => {
    const segment = fc.oneof(
      fc.constantFrom('', '.', '..', 'uploads', 'default', 'original', '1X', 'a.png', '\0', '%2e'),
      fc.string({ maxLength: 5 }),
    );
    const start = fc.constantFrom('', '/', '//', 'https://');
    const url = fc
      .tuple(start, fc.array(segment, { maxLength: 10 }))
      .map(([head, segments]) => head + segments.join('/'));
    fc.assert(
      fc.property(url, (text) => {
        for (const key of keysOfUpload(text, { keyPrefix: 'mine' })) {
          expect(key.startsWith('mine/')).toBe(true);
        }
        for (const key of keysOfUpload(text, { multisite: true })) {
          expect(key).not.toMatch(/^\/|\/\/|(?:^|\/)\.{1,2}(?:\/|$)|\/$|[\0\\%]/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a prefix', () => {
  it.each(['', 'a', 'a/', '/a/b/'])('can be %j', (prefix) => {
    expect(isSafePrefix(prefix)).toBe(true);
  });

  it.each(['..', 'a/../b', 'a//b', 'a\\b', 'a?b'])('cannot be %j', (prefix) => {
    expect(isSafePrefix(prefix)).toBe(false);
  });
});
