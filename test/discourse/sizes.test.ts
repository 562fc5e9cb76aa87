import { describe, expect, it } from 'vitest';
import { DEFAULT_SIZES, parseSizes } from '../../src/discourse/sizes.ts';

describe('the setting avatar_sizes', () => {
  it('keeps its order, which decides ties', () => {
    expect(parseSizes('96|24|48')).toStrictEqual([96, 24, 48]);
  });

  it('counts a size once and drops what cannot be served', () => {
    expect(parseSizes('24|24|0|7|8|1000|1001|-5|x|4.5||9999999')).toStrictEqual([24, 8, 1000]);
  });

  it.each([undefined, '', '|', 'x|y', '1|2'])('gives the default list for %j', (setting) => {
    expect(parseSizes(setting)).toStrictEqual(DEFAULT_SIZES);
  });
});
