/**
 * From an original to a variant, with sharp. Runs in renderer processes only: a decoder may hang,
 * eat memory or crash, and none of that may happen beside the listener.
 */
import sharp, { type Sharp } from 'sharp';
import type { LetterPicture } from '../letters/draw.ts';
import { isMoving } from '../vocabulary/formats.ts';
import { encode, fromPixels, readPixels } from './encode.ts';
import { enlarge } from './enlarge.ts';
import { encodePng } from './png/encode.ts';
import type { Pixels } from './png/survey.ts';
import type { PictureOrder, VariantOrder } from './protocol.ts';

/**
 * Leaves only the decoders of the formats served: an SVG can take gigabytes and minutes, TIFF is a family
 * of decoders of its own, and a file name could be read. To be called once, before the first picture.
 */
export function lockDecoders(): void {
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({
    operation: [
      'VipsForeignLoadJpegBuffer',
      'VipsForeignLoadPngBuffer',
      'VipsForeignLoadWebpBuffer',
      'VipsForeignLoadNsgifBuffer',
      'VipsForeignLoadHeifBuffer',
    ],
  });
  // One picture at a time on one thread: parallelism comes from the number of renderers. And no
  // cache of operations: no picture is decoded twice the same way.
  sharp.concurrency(1);
  sharp.cache(false);
}

/** A longer animation would keep a renderer from others. */
const MOTION_WITHIN_S = 2;

/** There was no time for all frames, be it for the picture or for the machine. */
export class TooSlow extends Error {}

/** Makes all variants ordered, from one decode where there is a square, else each from its own. */
export async function transformAll(
  original: Buffer,
  { variants, ...source }: Omit<PictureOrder, 'kind'>,
): Promise<Buffer[]> {
  const make = await maker(original, source);
  const made: Buffer[] = [];
  // One after the other: a renderer is one core's worth.
  for (const order of variants) made.push(await make(order));
  return made;
}

/** What is known of an original, and how variants are made from it. */
type Source = Pick<PictureOrder, 'square' | 'isDeep'>;
type Make = (order: VariantOrder) => Promise<Buffer>;

async function maker(original: Buffer, { square, isDeep }: Source): Promise<Make> {
  if (square === undefined) return async (order) => await transform(original, order, { isDeep });
  const pixels = await readPixels(crop(decode(original, { isDeep }), square));
  return async (order) => await encode(scale(pixels, order.size), order);
}

/** A still variant before it is encoded: for comparing encoders. */
export async function pictureOf(
  original: Buffer,
  { size, square, isDeep }: Source & { readonly size: number },
): Promise<Sharp> {
  if (square === undefined) return crop(decode(original, { isDeep }), size);
  return scale(await readPixels(crop(decode(original, { isDeep }), square)), size);
}

/**
 * Upright, the centred square, scaled to the exact size, in sRGB, alpha kept; the first frame, or all
 * of them. sharp drops every metadata block unless told to keep it.
 */
export async function transform(
  original: Buffer,
  order: VariantOrder,
  { isDeep }: Pick<Source, 'isDeep'> = {},
): Promise<Buffer> {
  const { format, size } = order;
  // None of what moves has more than 8 bits.
  if (isMoving(format)) return await transformMoving(original, order);
  return await encode(crop(decode(original, { isDeep }), size), order);
}

/** @throws TooSlow */
async function transformMoving(original: Buffer, order: VariantOrder): Promise<Buffer> {
  const startedAt = performance.now();
  const moving = crop(decode(original, { isAnimated: true }), order.size);
  const picture = await encode(moving.timeout({ seconds: MOTION_WITHIN_S }), order).catch(
    (error: unknown) => {
      // The message has several lines from libvips, this one among them.
      const isTimeUp = error instanceof Error && /^timeout: /m.test(error.message);
      throw isTimeUp ? new TooSlow(error.message, { cause: error }) : error;
    },
  );
  // Stopped in the middle of a frame, libwebp may go on with half of its statistics and make a whole
  // animation, but not the bytes that its entity tag stands for.
  const seconds = (performance.now() - startedAt) / 1000;
  if (seconds >= MOTION_WITHIN_S) throw new TooSlow(`all frames took ${seconds} s`);
  return picture;
}

type Decoding = {
  readonly isDeep?: boolean | undefined;
  readonly isAnimated?: boolean;
};

function decode(original: Buffer, { isDeep = false, isAnimated = false }: Decoding): Sharp {
  const picture = sharp(original, {
    // 'warning' refuses avatars that every browser shows; 'none' returns half-grey pictures.
    failOn: 'error',
    autoOrient: true,
    // The header check has set the limit; sharp's own default is higher than ours ever is.
    limitInputPixels: true,
    pages: isAnimated ? -1 : 1,
  });
  // With a profile, what has 16 bits would be brought to P3, and its numbers then taken for sRGB's. Not
  // for others: grey would be made three channels before its profile, which is for one, is applied.
  return isDeep ? picture.pipelineColourspace('srgb') : picture;
}

function crop(picture: Sharp, size: number): Sharp {
  return picture.resize(size, size, { fit: 'cover', position: 'centre' });
}

function scale(square: Pixels, size: number): Sharp {
  return size > square.width ? fromPixels(enlarge(square, size)) : crop(fromPixels(square), size);
}

export async function encodeLetter(
  { pixels: data, width, height, channels }: LetterPicture,
  order: VariantOrder,
): Promise<Buffer> {
  const pixels = { data, width, height, channels };
  // Pixels already: the way through sharp would take longer than encoding them.
  return order.format === 'png' ? encodePng(pixels) : await encode(fromPixels(pixels), order);
}
