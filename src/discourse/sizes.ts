/** The site setting `avatar_sizes`: which sizes of avatars a forum asks for. Pure. */
import { LARGEST_SIZE, SMALLEST_SIZE } from '../vocabulary/request.ts';

/** Discourse's own default, for sites whose setting was never changed: those have no row. */
export const DEFAULT_SIZES: readonly number[] = [24, 48, 72, 96, 144, 288];

/**
 * @param setting `24|48|72`, in the order of the setting, which decides ties between nearest sizes
 * @returns the sizes that can be served; the default list when there are none
 */
export function parseSizes(setting: string | undefined): readonly number[] {
  const sizes = (setting ?? '')
    .split('|')
    .filter((entry) => /^\d{1,4}$/.test(entry))
    .map(Number)
    .filter((size) => size >= SMALLEST_SIZE && size <= LARGEST_SIZE);
  return sizes.length === 0 ? DEFAULT_SIZES : [...new Set(sizes)];
}
