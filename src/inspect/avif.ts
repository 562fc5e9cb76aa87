/**
 * AVIF (ISO/IEC 23008-12 and 14496-12). Sizes are told by properties deep in the `meta` box; they
 * may lie, but the decoder compares them with the coded picture before it allocates for it. What it
 * does not compare is how much of its tiles a grid shows: 650 bytes that lay 16 pictures of the
 * largest size over one another take it 16 times as long.
 */
import type { InspectedOriginal } from '../avatar/ports.ts';
import { type Items, pixels, readItems } from './avif-items.ts';
import { wholeBytes } from './memory.ts';
import { corrupt, hostile, type InspectionLimits, requireDimensions } from './verdict.ts';

/** Planes, their conversion and alpha, measured from 0.4 to 49 megapixels. */
const BYTES_PER_PIXEL = 20;
/** At a quarter of the pixels an AVIF takes no more memory than other formats at their limit. */
const SHARE_OF_PIXELS = 4;
/** Tiles reach over the edges of what they cover, and by less than they cover. */
const SPARE_TILES = 2;
/** A grid of pictures, a tone map of grids; deeper ones are no camera's. */
const MAX_DEPTH = 4;

/** @throws AvatarError `original_corrupt`, `original_hostile`, `original_too_many_pixels` */
export function inspectAvif(bytes: Buffer, limits: InspectionLimits): InspectedOriginal {
  const maxPixels = Math.floor(limits.maxPixels / SHARE_OF_PIXELS);
  const items = readItems(bytes);
  const largest = items.sizes.toSorted((a, b) => pixels(b) - pixels(a))[0];
  if (largest === undefined) throw corrupt('AVIF: tells no size');
  requireDimensions('AVIF', largest, maxPixels);
  requireModestWork(items, SPARE_TILES * maxPixels);

  const shown = items.primary === undefined ? undefined : items.sizeOf.get(items.primary);
  const { width, height } = shown ?? largest;
  requireDimensions('AVIF picture', { width, height }, maxPixels);
  return {
    bytes,
    format: 'avif',
    width,
    height,
    frames: 1,
    decodedBytes: wholeBytes(largest, BYTES_PER_PIXEL),
    isDeep: items.isDeep,
  };
}

/** Adds up what a decoder would decode for each derived item, through items derived in turn. */
function requireModestWork(items: Items, maxPixels: number): void {
  const known = new Map<number, number>();
  const workOf = (item: number, depth: number): number => {
    if (depth > MAX_DEPTH) throw hostile(`AVIF: pictures nested deeper than ${MAX_DEPTH}`);
    const before = known.get(item);
    if (before !== undefined) return before;
    const inputs = items.inputsOf.get(item);
    const size = items.sizeOf.get(item);
    if (inputs === undefined && size === undefined) throw corrupt('AVIF: a tile without a size');
    const drawn = (inputs ?? []).reduce((sum, input) => sum + workOf(input, depth + 1), 0);
    // Both, for an item may claim inputs and be a coded picture all the same.
    const work = Math.max(drawn, size === undefined ? 0 : pixels(size));
    known.set(item, work);
    return work;
  };
  for (const item of items.inputsOf.keys()) {
    const work = workOf(item, 0);
    if (work > maxPixels) throw hostile(`AVIF: put together from ${work} pixels of tiles`);
  }
}
