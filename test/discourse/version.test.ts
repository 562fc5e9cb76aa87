import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatVersion, LARGEST_UPLOAD, parseVersion } from '../../src/discourse/version.ts';

describe('a version segment', () => {
  it.each([
    ['1: the upload with the current algorithm', '10_2', 10],
    ['4: without a version', '10', 10],
    ['5: with an old version, which means the current picture', '10_1', 10],
    ['6: with version 0', '10_0', 10],
    ['9: with junk behind the number', '10abc_2', 10],
    ['with junk behind the version', '10_2abc', 10],
    ['with a version that is no number, which is 0', '10_x', 10],
    ['with an empty version in the middle', '10__2', 10],
    ['with an underscore at the end', '10_', 10],
    ['with a third part, which is ignored', '10_2_99', 10],
    ['with a sign', '+10_2', 10],
    ['with zeros in front', '0010_2', 10],
    ['with white space in front', ' \t10_2', 10],
    ['with a negative version', '10_-5', 10],
    ['of the largest upload', '2147483647_2', LARGEST_UPLOAD],
  ])('case %s', (_case, text, upload) => {
    expect(parseVersion(text)).toMatchObject({ upload, valid: true });
  });

  it.each([
    ['7: a version of the future', '10_3'],
    ['7: a version of the far future', '10_99999999999999999999'],
    ['8: upload 0', '0_2'],
    ['8: no number', 'abc'],
    ['a negative upload', '-5_2'],
    ['a hexadecimal upload, of which Ruby reads the 0', '0x1F_2'],
    ['a sign apart from its number', '- 5'],
    ['digits of another script', '١٠_2'],
    ['no upload', '_2'],
    ['nothing but separators', '___'],
    ['nothing', ''],
  ])('case %s: is no avatar of any forum', (_case, text) => {
    expect(parseVersion(text).valid).toBe(false);
  });

  it.each(['99999999999999', '9223372036854775808', '9'.repeat(100_000)])(
    'case 10: a number beyond any upload stays one (%#)',
    (digits) => {
      const { upload, valid } = parseVersion(`${digits}_2`);
      expect(valid).toBe(true);
      expect(upload).toBeGreaterThan(LARGEST_UPLOAD);
      expect(Number.isSafeInteger(upload)).toBe(true);
    },
  );

  it('reads any text without failing, and any upload as Discourse emits it', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('0', '1', '9', '_', '+', '-', 'a', ' ', '\t', '٣', '\0'),
        }),
        (text) => {
          expect(Number.isSafeInteger(parseVersion(text).upload)).toBe(true);
        },
      ),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: LARGEST_UPLOAD }), (upload) => {
        expect(parseVersion(formatVersion(upload))).toStrictEqual({ upload, valid: true });
      }),
    );
  });
});
