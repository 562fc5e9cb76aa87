/**
 * Letter avatars: a white letter on a colour. Same letter, colour and size: same bytes, on every
 * machine. Nothing is loaded before the first letter; after it, a letter seen before costs its
 * pixels only.
 */
import { LRUCache } from 'lru-cache';
import type { LetterRequest, Rgb } from '../vocabulary/letter.ts';
import { FontShelf } from './fonts.ts';
import { type Outline, boxOf } from './outline.ts';
import { coverage } from './raster.ts';
import { silhouette } from './silhouette.ts';

/** Raw pixels, row by row: red, green, blue. At most 256 different ones. */
export type LetterPicture = {
  readonly pixels: Buffer;
  readonly width: number;
  readonly height: number;
  readonly channels: 3;
};

/** A shape, and the point of it that belongs in the middle of the square. */
type Figure = {
  readonly outline: Outline;
  /** Of its box: width or height. */
  readonly largerSide: number;
  readonly centre: { readonly x: number; readonly y: number };
};

/** Discourse's: type of 220 points on a square of 360. */
const EM = 220 / 360;
/** Letters of low scripts are enlarged towards this part of the square, by no more than so much. */
const SMALLEST = 0.42;
const MOST_ENLARGED = 1.25;
/** Of the square, whatever the letter: the rest is its margin, also where the square is shown as a circle. */
const LARGEST = 0.72;
/** The letter is white at 0xCC of 0xFF, so that every colour shines through a little. */
const OPACITY = 0xcc;
/** Pixels on which the weight of a letter is measured. */
const SCALE_PAN = 64;

// An outline has some 2 kB: all letters a forum shows, in 1 MB.
const KEPT_FIGURES = 512;

const shelf = new FontShelf();
const figures = new LRUCache<string, Promise<Figure>>({ max: KEPT_FIGURES });

/**
 * Draws a letter; a silhouette where no font has it.
 * @throws AvatarError `internal`, when a font package is missing or damaged
 */
export async function drawLetter({ letter, colour, size }: LetterRequest): Promise<LetterPicture> {
  const { outline, largerSide, centre } = await figureOf(letter);
  const scale = size * scaleFor(largerSide);
  const mask = coverage(
    outline,
    { scale, x: size / 2 - centre.x * scale, y: size / 2 - centre.y * scale },
    size,
  );
  return { pixels: paint(mask, colour), width: size, height: size, channels: 3 };
}

function figureOf(letter: string): Promise<Figure> {
  const known = figures.get(letter);
  if (known !== undefined) return known;
  const figure = shelf.outline(letter).then((drawn) => measure(drawn ?? silhouette()));
  figures.set(letter, figure);
  figure.catch(() => figures.delete(letter));
  return figure;
}

/**
 * The middle of a letter is between the middle of its box and its centre of gravity: by the box
 * alone an L or a P hangs to one side, by gravity alone a J or a 7 does.
 */
function measure(outline: Outline): Figure {
  const { left, top, right, bottom } = boxOf(outline);
  const width = right - left;
  const height = bottom - top;
  const largerSide = Math.max(width, height);
  const scale = SCALE_PAN / largerSide;
  const mask = coverage(outline, { scale, x: -left * scale, y: -top * scale }, SCALE_PAN);
  const gravity = centreOfGravity(mask, SCALE_PAN);
  return {
    outline,
    largerSide,
    centre: {
      x: left + (width / 2 + gravity.x / scale) / 2,
      y: top + (height / 2 + gravity.y / scale) / 2,
    },
  };
}

/** How large an em is drawn, in parts of the square. */
function scaleFor(largerSide: number): number {
  const enlarged = Math.min(Math.max(EM, SMALLEST / largerSide), EM * MOST_ENLARGED);
  return Math.min(enlarged, LARGEST / largerSide);
}

function centreOfGravity(mask: Uint8Array, size: number): { x: number; y: number } {
  let [weight, x, y] = [0, 0, 0];
  for (const [at, ink] of mask.entries()) {
    weight += ink;
    x += ink * ((at % size) + 0.5);
    y += ink * (Math.floor(at / size) + 0.5);
  }
  return { x: x / weight, y: y / weight };
}

function paint(mask: Uint8Array, colour: Rgb): Buffer {
  const pixels = Buffer.alloc(mask.length * 3);
  const shades = shadesOf(colour);
  // By numbers: iterators would make this the better part of drawing a large letter.
  for (let pixel = 0, at = 0; pixel < mask.length; pixel++, at += 3) {
    const shade = (mask[pixel] ?? 0) * 3;
    pixels[at] = shades[shade] ?? 0;
    pixels[at + 1] = shades[shade + 1] ?? 0;
    pixels[at + 2] = shades[shade + 2] ?? 0;
  }
  return pixels;
}

/**
 * Red, green and blue for each amount of ink, from none, which is the background, to all there can be:
 * in whole numbers, so exact anywhere.
 */
function shadesOf(colour: Rgb): Uint8Array {
  const whole = 255 * 255;
  const inks = Array.from({ length: 256 }, (_, ink) => ink * OPACITY);
  const mixed = inks.flatMap((white) =>
    colour.map((level) => Math.floor((level * (whole - white) + 255 * white + whole / 2) / whole)),
  );
  return Uint8Array.from(mixed);
}
