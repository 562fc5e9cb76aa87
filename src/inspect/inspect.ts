/**
 * Tells what an original is and whether a decoder may see it, from its bytes alone. This runs in the
 * HTTP process on bytes anybody may have uploaded, so every walk is linear in the input with small
 * constants, nothing is allocated by a size the file claims, and nothing but AvatarError is thrown.
 */
import type { InspectedOriginal, Inspector } from '../avatar/ports.ts';
import { inspectAvif } from './avif.ts';
import { inspectGif } from './gif.ts';
import { inspectJpeg } from './jpeg.ts';
import { identify } from './magic.ts';
import { inspectPng } from './png.ts';
import { corrupt, type InspectionLimits, notAnImage, requireRoom, unsupported } from './verdict.ts';
import { inspectWebp } from './webp.ts';

const INSPECTORS = {
  avif: inspectAvif,
  gif: inspectGif,
  jpeg: inspectJpeg,
  png: inspectPng,
  webp: inspectWebp,
} as const;

/**
 * The result's `bytes` are the given ones, or a view or a cleaned copy of them; the given ones are
 * never written to.
 */
export function createInspector(limits: InspectionLimits): Inspector {
  return {
    inspect(bytes: Buffer): InspectedOriginal {
      const identity = identify(bytes);
      switch (identity.kind) {
        case 'served':
          return requireAffordable(INSPECTORS[identity.format](bytes, limits));
        case 'unsupported':
          throw unsupported(`format not served: ${identity.name}`);
        case 'damaged':
          throw corrupt(identity.detail);
        case 'other':
          throw notAnImage(`no image: ${identity.detail}`);
      }
    },
  };
}

function requireAffordable(original: InspectedOriginal): InspectedOriginal {
  requireRoom(original.decodedBytes);
  return original;
}
