/** Originals that browsers show in another way than the service, or not at all, and why. */
import type { Case } from './corpus.ts';

const NO_PICTURE = 'browsers show nothing of it';
const HDR = 'its transfer function is for HDR: how that is brought to sRGB is up to each program';

const DISPUTED: Readonly<Record<string, string>> = {
  'tiny/jpegdec--progressive-missing-dc.jpg': NO_PICTURE,
  'corrupt/own--png-missing-iend.png': NO_PICTURE,
  'truncated/own--png-minus-1-byte.png': NO_PICTURE,
  'truncated/own--png-interlaced-minus-1-byte.png': NO_PICTURE,
  'plain/pillow--issue_2811.gif': NO_PICTURE,
  'plain/imagegif--issue-117-out-of-range.gif': NO_PICTURE,
  'colour/libavif--colors_hdr_p3.avif': HDR,
  'colour/libavif--color_nogrid_alpha_nogrid_gainmap_grid.avif': HDR,
  'tiny/libavif--extended_pixi.avif':
    'four pixels with one colour: what is between is anybody’s guess',
  'orientation/libavif--abc_color_irot_alpha_NOirot.avif':
    'its alpha is turned apart from its colours',
  'corrupt/own--png-palette-index-out-of-range.png': 'its pixels are of no colour',
  'corrupt/own--jpeg-mjpeg-no-dht.jpg': 'decoded with tables that are not its own: noise',
};

/** Saturated patterns of single pixels, to which half the resolution for colours does the most harm. */
const LOST_IN_WEBP: ReadonlySet<string> = new Set([
  'colour/imagepng--basi3p01.png',
  'colour/libpng--ibasn3p02.png',
  'plain/libpng--basn3p01.png',
  'alpha/libpng--rgb-8-tRNS.png',
]);

export function isLostInWebp({ name }: Case): boolean {
  return LOST_IN_WEBP.has(name);
}

export function seenDifferently(picture: Case): boolean {
  return Object.hasOwn(DISPUTED, picture.name) || isCmyk(picture);
}

/** Chromium heeds no profile for CMYK, and without one there is no right answer. */
function isCmyk({ format, bytes }: Case): boolean {
  if (format !== 'jpeg') return false;
  // Baseline or progressive frames; their length, precision, height and width come before the count.
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1] ?? 0;
    if (marker >= 0xc0 && marker <= 0xc2) return bytes[at + 9] === 4;
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return false;
}

/**
 * Browsers apply a PNG's gAMA where there is nothing better; libvips never does. In avatars it hardly
 * occurs: all that have one of another value than sRGB's are of suites of tests.
 */
export function withoutGamma({ format, bytes }: Case): Buffer {
  if (format !== 'png') return bytes;
  const kept = [bytes.subarray(0, 8)];
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 12 + bytes.readUInt32BE(at);
    if (bytes.toString('latin1', at + 4, at + 8) !== 'gAMA') kept.push(bytes.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept);
}
