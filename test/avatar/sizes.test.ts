import { describe, expect, it } from 'vitest';
import { chooseSize } from '../../src/avatar/sizes.ts';

const listed = [24, 48, 72, 96, 144, 288];

describe('the choice of a size', () => {
  it('is the size asked for when there is no list', () => {
    expect(chooseSize({ unlisted: 'nearest' }, 97)).toBe(97);
  });

  it('is the size asked for when it is listed', () => {
    expect(listed.map((size) => chooseSize({ listed, unlisted: 'reject' }, size))).toEqual(listed);
  });

  it.each([
    [8, 24],
    [97, 96],
    [121, 144],
    [1000, 288],
  ])('is, for %i, the nearest: %i', (asked, chosen) => {
    expect(chooseSize({ listed, unlisted: 'nearest' }, asked)).toBe(chosen);
  });

  it.each([
    [36, 24],
    [60, 48],
    [120, 96],
    [216, 144],
  ])('goes low on a tie: %i to %i', (asked, chosen) => {
    expect(chooseSize({ listed, unlisted: 'nearest' }, asked)).toBe(chosen);
  });

  it('is, on a tie, the one that comes first in a list of another order', () => {
    expect(chooseSize({ listed: [48, 24], unlisted: 'nearest' }, 36)).toBe(48);
  });

  it('is refused when unlisted sizes are', () => {
    expect(() => chooseSize({ listed, unlisted: 'reject' }, 97)).toThrow(
      expect.objectContaining({ code: 'size_not_served', status: 404 }),
    );
  });
});
