/** The ways an original is refused, and the limit every format is held to. */
import { AvatarError } from '../errors.ts';
import { DECODED_BYTES } from './memory.ts';

export type InspectionLimits = {
  /** Largest width × height. AVIF gets a quarter of it: its decoder takes 20 bytes a pixel. */
  readonly maxPixels: number;
  /** Whether all frames are passed on as well, of what moves within limits; default: never. */
  readonly keepsMotion?: boolean;
};

export type Dimensions = { readonly width: number; readonly height: number };

/**
 * Longest side of any original. JPEG and GIF cannot spell more, WebP and AV1 not even that, and the
 * resampler fails with "coordinates out of range" on the longer ones PNG can spell.
 */
const LONGEST_SIDE = 65_535;

export function notAnImage(detail: string): AvatarError {
  return new AvatarError('original_not_an_image', { detail });
}

export function unsupported(detail: string): AvatarError {
  return new AvatarError('original_unsupported', { detail });
}

export function corrupt(detail: string): AvatarError {
  return new AvatarError('original_corrupt', { detail });
}

export function hostile(detail: string): AvatarError {
  return new AvatarError('original_hostile', { detail });
}

/** @throws AvatarError `original_corrupt`, `original_too_many_pixels` */
export function requireDimensions(
  what: string,
  { width, height }: Dimensions,
  maxPixels: number,
): void {
  if (width === 0 || height === 0) throw corrupt(`${what}: declared as ${width}×${height}`);
  if (width > LONGEST_SIDE || height > LONGEST_SIDE || width * height > maxPixels) {
    throw new AvatarError('original_too_many_pixels', {
      detail:
        `${what}: ${width}×${height}, allowed are ${maxPixels} pixels ` +
        `and ${LONGEST_SIDE} on a side`,
    });
  }
}

/** @throws AvatarError `original_too_many_pixels` */
export function requireRoom(decodedBytes: number): void {
  if (decodedBytes <= DECODED_BYTES) return;
  const [needed, allowed] = [decodedBytes, DECODED_BYTES].map((each) => Math.round(each / 1e6));
  throw new AvatarError('original_too_many_pixels', {
    detail: `takes ${needed} MB to decode, allowed are ${allowed} MB for all pictures together`,
  });
}
