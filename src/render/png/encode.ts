/**
 * PNG by what makes the fewest bytes of the pixels. Written here since it is worth it: the usual encoder
 * knows exact lines and a lossy palette and nothing between, and takes a millisecond for a picture of 48
 * pixels where this takes half of one.
 */
import { Lines } from './lines.ts';
import { mergeColours } from './merge.ts';
import {
  depthFor,
  encodePalette,
  LARGEST_PALETTE,
  type Palette,
  paletteBytes,
  paletteOf,
} from './palette.ts';
import { type Pixels, type Survey, survey } from './survey.ts';
import { encodeDrawing, encodePhotograph } from './truecolour.ts';

type Way = {
  readonly encode: (lines: Lines) => Buffer;
  /** The bytes that a few lines take as well as all of them. */
  readonly fixedBytes: number;
};

/**
 * No colour of the result is off by more than one level of 255, on whatever it is shown. Which way is
 * the smallest cannot be told from counts of colours and of neighbours alike (a soft shadow and a photograph
 * have the same): so each is tried, on some of the lines where there are many.
 */
export function encodePng(pixels: Pixels): Buffer {
  const some = Lines.sample(pixels);
  const share = some.height / pixels.height;
  const tried = waysFor(pixels).map((way) => {
    const bytes = way.encode(some);
    return { way, bytes, expected: way.fixedBytes + (bytes.length - way.fixedBytes) / share };
  });
  const { way, bytes } = tried.reduce((best, each) =>
    each.expected < best.expected ? each : best,
  );
  return some.areAll ? bytes : way.encode(Lines.all(pixels));
}

/** Exact ways come first: of two that are equally small the first is taken. */
function waysFor(pixels: Pixels): Way[] {
  const facts = survey(pixels);
  const linesOf = (lines: Lines): Pixels => {
    return { ...pixels, height: lines.height, data: lines.of(pixels.data) };
  };
  const truecolour: Way[] = [
    { encode: (lines) => encodeDrawing(linesOf(lines), facts), fixedBytes: 0 },
    { encode: (lines) => encodePhotograph(linesOf(lines), facts), fixedBytes: 0 },
  ];
  const palette = paletteFor(facts);
  if (palette === undefined) return truecolour;
  const { width } = pixels;
  const { ofPixels } = palette.colours;
  const withPalette = (lines: Lines): Buffer =>
    encodePalette({ width, height: lines.height }, lines.of(ofPixels), palette);
  return [{ encode: withPalette, fixedBytes: paletteBytes(palette) }, ...truecolour];
}

function paletteFor({ colours, isGrey, isOpaque }: Survey): Palette | undefined {
  if (colours === undefined) return undefined;
  // Levels of grey are numbers of eight bits already.
  if (isGrey && isOpaque && depthFor(colours.size) === 8) return undefined;
  if (colours.size > LARGEST_PALETTE) return mergeColours(colours, LARGEST_PALETTE);
  return paletteOf(colours, colours.values);
}
