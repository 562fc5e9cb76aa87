/**
 * Decides when one decode serves several sizes.
 *
 * Decoding a photo of 12 megapixels takes ten times as long as all that follows, and the sizes of a fresh
 * upload are asked for together: so a large original is first reduced to a small square, and each size is
 * made from that. Twenty sizes of such a photo take a fifth of the CPU that way. A size that is asked for
 * alone takes up to a quarter more than straight from the original, but it is nearer to what a full decode
 * gives: by structural similarity 0.9995 in place of 0.9972 over ten photographs at eight sizes, mostly
 * because the square is cut where its centre is that of the original.
 *
 * An original smaller than the size asked for also goes through a square of its own pixels, which is
 * enlarged. Cropped first, a strip costs no more than others: a JPEG of 1000×1 pixels, of which 600
 * bytes are enough, took 35 s and 3 GB when it was scaled to 1000 pixels of height first and turned.
 *
 * Whether a size is made this way depends on the original and the size alone, never on who else asks:
 * a variant has the same bytes from every instance, and so the same entity tag.
 */
import type { InspectedOriginal } from '../avatar/ports.ts';

type Original = Pick<InspectedOriginal, 'width' | 'height' | 'format'>;

/** Larger sizes are rare, and so are those who ask for several of them. */
const LARGEST_FROM_SQUARE = 360;
/** How much larger than a size its square is: at 1.2 likeness loses a quarter more, at 1.5 hardly less. */
const MARGIN = 4 / 3;
/**
 * The least reductions for which sharp has a JPEG decoded to an eighth, a quarter and a half of its size,
 * each in half the time that the next one takes. It keeps away from the factors themselves.
 */
const JPEG_REDUCTIONS = [
  { reduction: 9, scale: 8 },
  { reduction: 5, scale: 4 },
  { reduction: 3, scale: 2 },
] as const;
/** Originals of fewer pixels to a side are decoded for each size: there is little to save. */
const LARGE = LARGEST_FROM_SQUARE * MARGIN * 3;
/** How much smaller than possible a square may be, for the sake of its centre. */
const TOLERANCE = 0.05;

/** Edge of the square that this size is made from; undefined: it is made from the original itself. */
export function intermediateSquare(original: Original, size: number): number | undefined {
  const edge = Math.min(original.width, original.height);
  if (edge < size) return edge;
  if (edge < LARGE || size > LARGEST_FROM_SQUARE) return undefined;
  // Other formats are always decoded in full: one square serves all sizes.
  if (original.format !== 'jpeg') return centredEdge(original, 1, LARGEST_FROM_SQUARE * MARGIN);
  for (const { reduction, scale } of JPEG_REDUCTIONS) {
    const most = edge / reduction;
    if (most >= size * MARGIN) return centredEdge(original, scale, most);
  }
  return undefined;
}

/**
 * Whole pixels only can be cut off, so a square may be half a pixel off the centre, which shows at 24
 * pixels. One of the edges just below `most` is off by a quarter at the most.
 */
function centredEdge({ width, height }: Original, scale: number, most: number): number {
  const longer = Math.max(width, height) / scale;
  const shorter = Math.min(width, height) / scale;
  for (let edge = Math.floor(most); edge > most * (1 - TOLERANCE); edge -= 1) {
    if (offCentre(edge, longer, shorter) <= 0.25) return edge;
  }
  return Math.floor(most);
}

/** How far from the centre it is cut, in pixels of the square, from an original decoded to such sides. */
function offCentre(edge: number, longer: number, shorter: number): number {
  const factor = edge / Math.floor(shorter);
  const beyond = Math.round(Math.floor(longer) * factor) - edge;
  // libvips cuts the odd pixel off one side, and libjpeg what is left of the last one off the other.
  const [cut, missing] = [beyond % 2, (longer % 1) * factor];
  return Math.abs(cut - missing) / 2;
}
