/**
 * PNG by what the pixels are. Written here since it is worth it: the usual encoder knows exact lines
 * and a lossy palette and nothing between, and takes a millisecond for a picture of 48 pixels where
 * this takes half of one.
 */
import { encodePalette, inPaletteOrder, LARGEST_PALETTE } from './palette.ts';
import { mergeColours } from './merge.ts';
import { type Pixels, survey } from './survey.ts';
import { encodeDrawing, encodePhotograph } from './truecolour.ts';

/** No colour of the result is off by more than one level of 255, as it is seen; drawings are exact. */
export function encodePng(pixels: Pixels): Buffer {
  const facts = survey(pixels);
  const { colours, isGrey, isNoisy } = facts;
  if (colours === undefined) return encodePhotograph(pixels, facts);
  // Levels of grey are their own numbers already, and unlike others they can be foreseen.
  if (colours.size <= LARGEST_PALETTE && !(isGrey && isNoisy)) {
    const palette = inPaletteOrder(colours.keys());
    const numbers = new Map(palette.map((colour, number) => [colour, number]));
    return encodePalette(pixels, palette, numbers);
  }
  if (isNoisy) return encodePhotograph(pixels, facts);
  const merged = mergeColours(colours, LARGEST_PALETTE);
  if (merged === undefined) return encodeDrawing(pixels, facts);
  return encodePalette(pixels, merged.palette, merged.numbers);
}
