import { AvatarError, type FaultCode } from '../../src/errors.ts';
import { createInspector } from '../../src/inspect/inspect.ts';

export const MAX_PIXELS = 50_000_000;

export const inspector = createInspector({ maxPixels: MAX_PIXELS });

/** Why an original is refused; undefined when it is not. Anything but an AvatarError is a bug. */
export function refusal(bytes: Buffer): AvatarError | undefined {
  try {
    inspector.inspect(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof AvatarError) return error;
    throw error;
  }
}

export function refusalCode(bytes: Buffer): FaultCode | undefined {
  return refusal(bytes)?.code;
}

const REFUSAL = /^original_(?:not_an_image|unsupported|too_many_pixels|hostile|corrupt)$/;

/**
 * What is wrong with the answer: right are an error of the family, and a picture within the limits that
 * passes again as it is.
 */
export function unsoundness(bytes: Buffer): string[] {
  const untouched = Buffer.from(bytes);
  const error = refusal(bytes);
  const broken = error === undefined ? brokenPromises(bytes) : unfitness(error);
  if (!bytes.equals(untouched)) broken.push('writes to the bytes it was given');
  return broken;
}

function unfitness({ code, detail }: AvatarError): string[] {
  return REFUSAL.test(code) && detail !== undefined ? [] : [`refuses with ${code}`];
}

/** What makes a GIF see-through, and the end of it. */
const ONE_PIXEL_FRAME = 23;
const TRAILER = 1;

function brokenPromises(bytes: Buffer): string[] {
  const once = inspector.inspect(bytes);
  const again = inspector.inspect(once.bytes);
  const promises: Record<string, boolean> = {
    'is within the limit': once.width * once.height <= MAX_PIXELS,
    'has a size and a frame': Math.min(once.width, once.height, once.frames) > 0,
    'takes memory in whole bytes': Number.isSafeInteger(once.decodedBytes) && once.decodedBytes > 0,
    'grows by a frame of one pixel at the most':
      once.bytes.length <= bytes.length + ONE_PIXEL_FRAME + TRAILER,
    'is the same when inspected again':
      again.format === once.format &&
      again.width === once.width &&
      again.height === once.height &&
      again.decodedBytes === once.decodedBytes &&
      again.bytes.equals(once.bytes),
  };
  return Object.keys(promises).filter((promise) => promises[promise] === false);
}
