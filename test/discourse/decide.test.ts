import { describe, expect, it } from 'vitest';
import {
  askableUpload,
  decide,
  type DirectoryEntry,
  type Upload,
} from '../../src/discourse/decide.ts';
import { parseVersion } from '../../src/discourse/version.ts';

const createdAt = new Date('2024-02-29T12:34:56.789Z');
const theirs: Upload = { url: '//b.s3.amazonaws.com/k.jpeg', createdAt };
const keysOf = (url: string): readonly string[] => [`key of ${url}`];

function decided(entry: DirectoryEntry | undefined, id = '10_2') {
  return decide(entry, parseVersion(id), keysOf);
}

describe('the decision', () => {
  it('case 1, 2: an upload of the user’s is where its URL says, as old as its row', () => {
    expect(decided({ currentUpload: 10, upload: theirs })).toStrictEqual({
      kind: 'at',
      keys: ['key of //b.s3.amazonaws.com/k.jpeg'],
      lastModified: createdAt,
    });
  });

  it('case 19: that holds for one that is not the current', () => {
    expect(decided({ currentUpload: 99, upload: theirs }).kind).toBe('at');
    expect(decided({ currentUpload: undefined, upload: theirs }).kind).toBe('at');
  });

  it('case 16, 17: for another’s upload the client is sent to the user’s current one', () => {
    expect(decided({ currentUpload: 10, upload: undefined }, '9999')).toStrictEqual({
      kind: 'moved',
      id: '10_2',
    });
  });

  it.each([
    [
      '20: another’s upload and no current one',
      { currentUpload: undefined, upload: undefined },
      '9999',
    ],
    ['21: nobody', undefined, '10_2'],
    ['7: a version of the future', { currentUpload: 10, upload: theirs }, '10_3'],
    ['8: upload 0', { currentUpload: 10, upload: undefined }, '0_2'],
    ['51: an upload without a URL', { currentUpload: 10, upload: { ...theirs, url: '' } }, '10_2'],
    ['a seeded current upload', { currentUpload: -5, upload: undefined }, '10_2'],
    [
      'a current upload that is the one asked for',
      { currentUpload: 10, upload: undefined },
      '10_2',
    ],
  ])('case %s: there is no avatar', (_case, entry, id) => {
    expect(decided(entry, id)).toStrictEqual({ kind: 'missing' });
  });

  it('is that there is no avatar, when no key can be made of the URL', () => {
    const entry = { currentUpload: 10, upload: theirs };
    expect(decide(entry, parseVersion('10_2'), () => [])).toStrictEqual({ kind: 'missing' });
  });

  it('asks for no upload that the column cannot hold', () => {
    const asked = ['10', '2147483647', '2147483648', '9223372036854775808'].map((id) =>
      askableUpload(parseVersion(id)),
    );
    expect(asked).toStrictEqual([10, 2_147_483_647, 0, 0]);
  });
});
