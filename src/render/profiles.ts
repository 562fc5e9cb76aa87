/**
 * How each format is encoded, by what `npm run bench:quality` and a search over the settings measured
 * (docs/quality.md). A profile's version is part of every entity tag and variant key: whoever changes
 * what a profile makes of the same pixels raises it (a test compares the bytes). PNG has an encoder of
 * its own, in `png/`.
 */
import type { AvifOptions, GifOptions, JpegOptions, WebpOptions } from 'sharp';
import type { ProfileVersions } from '../avatar/variant.ts';
import type { Survey } from './png/survey.ts';

export const PROFILE_VERSIONS: ProfileVersions = {
  png: 3,
  jpg: 2,
  webp: 2,
  avif: 2,
  gif: 1,
  awebp: 1,
  agif: 1,
  svg: 1,
};

/** The same for letters: their fonts, shapes and encoder. */
export const LETTERS_VERSION = 3;

/** Up to here slower, tighter settings cost less than the decoder; beyond the second, they do not pay. */
const SMALL = 96;
const LARGE = 360;

/**
 * Up to 360 pixels full colour resolution at quality 84 is nearer to the original than halved at 88,
 * and no larger.
 */
export function jpegProfile(size: number): JpegOptions {
  return { quality: 84, chromaSubsampling: size <= LARGE ? '4:4:4' : '4:2:0', mozjpeg: false };
}

/**
 * Drawings nearly without loss, which is as small as quality 90 makes them: their edges suffer from
 * halved colour resolution, which lossy WebP always has. Never above effort 4: with alpha, effort 6
 * was measured at two seconds for 240 pixels.
 */
export function webpProfile(size: number, facts: Survey): WebpOptions {
  if (isDrawing(facts) && size <= LARGE) return { nearLossless: true, quality: 60, effort: 2 };
  return { quality: 90, effort: size <= 2 * SMALL ? 4 : 2 };
}

/**
 * Photographs tuned for structure, which takes an eighth of the bytes away at the same likeness;
 * drawings are better left to the encoder. sharp's default effort of 4 costs 8 to 30 times as much as
 * 0, for 5 % of the bytes.
 */
export function avifProfile(size: number, facts: Survey): AvifOptions {
  const effort = avifEffort(size);
  return isDrawing(facts)
    ? { quality: 62, effort, tune: 'iq' }
    : { quality: 69, effort, tune: 'ssim' };
}

function isDrawing({ colours, isNoisy }: Survey): boolean {
  return colours !== undefined && !isNoisy;
}

function avifEffort(size: number): number {
  if (size <= SMALL) return 2;
  return size <= LARGE ? 1 : 0;
}

/** Of many frames nobody sees one for long. */
export const MOVING_WEBP_PROFILE: WebpOptions = { quality: 80, effort: 2 };

/** The most effort takes five times as long for 4 % of the bytes. */
export const GIF_PROFILE: GifOptions = { effort: 1 };
