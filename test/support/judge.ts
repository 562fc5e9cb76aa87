/**
 * What is wrong with variants of a picture, by programs that share no code with the service: Chromium,
 * which decodes the original as people see it too, and decoders on the command line.
 */
import { similarity } from '../../bench/support/similarity.ts';
import type { BrowserDecoder, Seen } from './browser-decoder.ts';
import { farthestCorner, type Rgb } from './cards.ts';
import { alphaDifference, halved, type Lab, labOf, meanDifference, type Pixels } from './colour.ts';
import { decodeByCommands, type Encoded } from './command-decoders.ts';
import { needlessBlocks } from './containers.ts';
import type { Case } from './corpus.ts';
import { isLostInWebp, seenDifferently, withoutGamma } from './disputes.ts';
import { referenceOf, type Shift, turned } from './reference.ts';

export type Variant = Encoded & { readonly size: number };

/** Means of all pixels: CIE76, and of 255 for alpha. Decoders differ in colours that hardly show. */
const MOST = { fromReference: 4, fromPng: 8, betweenDecoders: 4, alpha: 5 };
const LEAST_SIMILARITY = 0.92;
/** Where turning and likeness are looked at: large enough to tell, small enough not to take long. */
const [TURNED_AT, ALIKE_AT] = [48, 96];
/** Twice the largest size or more: scaling what is reduced to it loses nothing. */
const REFERENCE_EDGE = 576;

type Judged = Variant & { readonly pixels: Pixels; readonly lab: Lab; readonly seen: Seen };

/**
 * @param variants in each size one as PNG, which is held against the original, and the others against it
 * @returns nothing when all is well
 */
export async function complaintsAbout(
  picture: Case,
  variants: readonly Variant[],
  browser: BrowserDecoder,
): Promise<string[]> {
  const judged = await decodeTwice(variants, browser);
  const reference = await referenceFor(picture, browser);
  return judged.flatMap((variant) => {
    const png = judged.find(({ format, size }) => format === 'png' && size === variant.size);
    const complaints = [
      ...ofItself(variant),
      ...ofItsCorners(variant, picture),
      ...(variant === png ? ofItsLikeness(variant, reference) : ofItsLoss(variant, png, picture)),
    ];
    return complaints.map((complaint) => `${variant.size} px ${variant.format}: ${complaint}`);
  });
}

async function decodeTwice(
  variants: readonly Variant[],
  browser: BrowserDecoder,
): Promise<Judged[]> {
  const [byCommand, inBrowser] = await Promise.all([
    decodeByCommands(variants),
    Promise.all(variants.map(({ bytes, size }) => browser.decode(bytes, size))),
  ]);
  return variants.map((variant, index) => {
    const [pixels, seen] = [byCommand[index], inBrowser[index]];
    if (pixels === undefined || seen === undefined) throw new Error('a decoder has left one out');
    return { ...variant, pixels, seen, lab: labOf(pixels) };
  });
}

/** What the picture should be like in a size, were it moved by so much. */
type Reference = (size: number, shift: Shift) => Pixels;

/** @returns undefined where people are shown something else anyway */
async function referenceFor(
  picture: Case,
  browser: BrowserDecoder,
): Promise<Reference | undefined> {
  if (seenDifferently(picture)) return undefined;
  const original = await browser.decode(withoutGamma(picture), REFERENCE_EDGE);
  // Chromium leaves that of a WebP to its reader.
  const orientation = picture.format === 'webp' ? (picture.orientation ?? 1) : 1;
  return (size, shift) => turned(referenceOf(original, size, shift), orientation);
}

function ofItself({ format, bytes, size, pixels, lab, seen }: Judged): string[] {
  const complaints = needlessBlocks(format, bytes).map((block) => `has ${block}`);
  for (const { width, height } of [pixels, seen]) {
    if (width !== size || height !== size) return [...complaints, `is ${width}×${height}`];
  }
  const apart = meanDifference(lab, labOf(seen.square));
  if (apart > MOST.betweenDecoders) complaints.push(`decoders are ${apart.toFixed(1)} apart`);
  return complaints;
}

function ofItsCorners({ pixels, size }: Judged, { check }: Case): string[] {
  if (check === undefined) return [];
  // The mean of nine pixels: in 24 pixels of JPEG any one of them may be off by twenty.
  const at = (x: number, y: number): Rgb => {
    const [left, top] = [Math.floor(x * size) - 1, Math.floor(y * size) - 1];
    const mean = (channel: number): number => {
      const nine = Array.from({ length: 9 }, (_, index) => {
        const [column, line] = [left + (index % 3), top + Math.floor(index / 3)];
        return pixels.data[(line * size + column) * 4 + channel] ?? 0;
      });
      return nine.reduce((sum, level) => sum + level, 0) / nine.length;
    };
    return [mean(0), mean(1), mean(2)];
  };
  const corners = {
    topLeft: at(0.25, 0.25),
    topRight: at(0.75, 0.25),
    bottomLeft: at(0.25, 0.75),
    bottomRight: at(0.75, 0.75),
  };
  const { corner, off } = farthestCorner(corners, check.corners);
  return off > check.maxDeltaE ? [`${corner} is off by ${off.toFixed(1)}`] : [];
}

function ofItsLikeness({ size, pixels, lab }: Judged, reference: Reference | undefined): string[] {
  if (reference === undefined) return [];
  const { wanted, off } = nearest((shift) => reference(size, shift), lab);
  const complaints = ofItsAlpha(pixels, wanted);
  if (off > MOST.fromReference) complaints.push(`colours are off by ${off.toFixed(1)}`);
  if (size === TURNED_AT && isNearerTurned(wanted, lab, off)) complaints.push('is turned');
  if (size !== ALIKE_AT) return complaints;
  const alike = similarity(wanted, pixels);
  return alike < LEAST_SIMILARITY ? [...complaints, `is alike by ${alike.toFixed(3)}`] : complaints;
}

function ofItsLoss(
  { format, pixels, lab }: Judged,
  png: Judged | undefined,
  picture: Case,
): string[] {
  if (png === undefined) return ['has no PNG beside it'];
  // JPEG has none, and shows white.
  const complaints = format === 'jpg' ? [] : ofItsAlpha(pixels, png.pixels);
  // WebP has half the resolution for colours, of which patterns of pixels lose all.
  const off =
    format === 'webp'
      ? meanDifference(labOf(halved(pixels)), labOf(halved(png.pixels)))
      : meanDifference(lab, png.lab);
  const isLost = format === 'webp' && isLostInWebp(picture);
  if (off > MOST.fromPng && !isLost) complaints.push(`colours are off by ${off.toFixed(1)}`);
  return complaints;
}

function ofItsAlpha(pixels: Pixels, wanted: Pixels): string[] {
  const off = alphaDifference(pixels, wanted);
  return off > MOST.alpha ? [`alpha is off by ${off.toFixed(1)}`] : [];
}

const STEPS = [0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1, -1];
/** Programs round where a middle is, and what JPEG is scaled to on the way, by up to a pixel. */
const SHIFTS: readonly Shift[] = STEPS.flatMap((down) =>
  STEPS.map((right) => ({ right, down })),
).toSorted((one, other) => Math.hypot(one.right, one.down) - Math.hypot(other.right, other.down));
/** Near enough not to look further. */
const NEAR = MOST.fromReference * 0.75;

function nearest(
  reference: (shift: Shift) => Pixels,
  lab: Lab,
): { readonly wanted: Pixels; readonly off: number } {
  const tried: { wanted: Pixels; off: number }[] = [];
  for (const shift of SHIFTS) {
    const wanted = reference(shift);
    const found = { wanted, off: meanDifference(labOf(wanted), lab) };
    if (found.off <= NEAR) return found;
    tried.push(found);
  }
  return tried.reduce((best, each) => (each.off < best.off ? each : best));
}

/** What looks the same turned is a little nearer in one way or the other. */
const ALMOST = 0.25;

function isNearerTurned(wanted: Pixels, lab: Lab, off: number): boolean {
  return [2, 3, 4, 5, 6, 7, 8].some(
    (orientation) => meanDifference(labOf(turned(wanted, orientation)), lab) < off - ALMOST,
  );
}
