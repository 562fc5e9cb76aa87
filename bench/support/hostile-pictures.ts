/** Small files that cost a decoder much: what an attacker would upload. */
import sharp, { type Sharp } from 'sharp';
import {
  compressedProfile,
  compressedText,
  gif,
  jpegOfOneComponent,
  png,
  webp,
  webpCanvas,
  webpFrame,
  withEmptyScans,
  withMetadata,
} from '../../test/support/pictures.ts';

export type HostilePicture = {
  readonly name: string;
  readonly bytes: Buffer;
  /** How it may be answered. */
  readonly statuses: readonly number[];
};

/** What is dangerous in it is taken out, or was never read. */
const SHOWN = [200];
/** Costs what it costs, within the limits: shown, or not in time. */
const COSTLY = [200, 504];
const REFUSED = [422];

/** Takes some ten seconds: the pictures are as large as the limits allow, or larger. */
export async function buildHostilePictures(): Promise<HostilePicture[]> {
  const pictures: ReadonlyArray<readonly [string, readonly number[], Buffer | Promise<Buffer>]> = [
    ['PNG, 20 texts of 48 MB', SHOWN, png({ before: repeat(20, () => compressedText(48e6)) })],
    ['PNG, 100 texts of 7 MB', SHOWN, png({ before: repeat(100, () => compressedText(7e6)) })],
    ['PNG, profile of 49 MB', SHOWN, png({ before: [compressedProfile(49e6)] })],
    [
      'PNG, 7071², 16 bits, interlaced',
      REFUSED,
      flat(7071, 4).toColourspace('rgb16').png({ progressive: true }).toBuffer(),
    ],
    [
      'JPEG, 4096², 10,000 scans',
      REFUSED,
      flat(4096)
        .jpeg({ progressive: true })
        .toBuffer()
        .then((whole) => withEmptyScans(whole, 10_000)),
    ],
    [
      'JPEG, 1000², 50,000 scans',
      REFUSED,
      flat(1000)
        .jpeg({ progressive: true })
        .toBuffer()
        .then((whole) => withEmptyScans(whole, 50_000)),
    ],
    [
      'JPEG, 6900², 80 scans',
      COSTLY,
      flat(6900)
        .jpeg({ progressive: true })
        .toBuffer()
        .then((whole) => withEmptyScans(whole, 70)),
    ],
    [
      'JPEG, 7000², CMYK, progressive',
      REFUSED,
      flat(7000).toColourspace('cmyk').jpeg({ progressive: true }).toBuffer(),
    ],
    [
      'JPEG, 5000², CMYK, 80 scans',
      COSTLY,
      flat(5000)
        .toColourspace('cmyk')
        .jpeg({ progressive: true })
        .toBuffer()
        .then((whole) => withEmptyScans(whole, 70)),
    ],
    ['JPEG, 5000², one component of three', COSTLY, jpegOfOneComponent(5000)],
    [
      'JPEG, 64², 19 MB of metadata',
      SHOWN,
      flat(64)
        .jpeg()
        .toBuffer()
        .then((whole) => withMetadata(whole, 19e6)),
    ],
    ['AVIF, 7000², flat', REFUSED, flat(7000).avif({ effort: 0 }).toBuffer()],
    ['AVIF, 3500², flat', COSTLY, flat(3500).avif({ effort: 0 }).toBuffer()],
    ['WebP, canvas of 7000², frame of 16', REFUSED, smallFrame(7000)],
    ['GIF, 7000², one pixel', SHOWN, gif(7000, 7000)],
    ['SVG, 190,000 rectangles', REFUSED, Buffer.from(manyRectangles(190_000))],
  ];
  const built: HostilePicture[] = [];
  for (const [name, statuses, bytes] of pictures) {
    built.push({ name, statuses, bytes: await bytes });
  }
  return built;
}

function flat(edge: number, channels: 3 | 4 = 3): Sharp {
  const background = { r: 90, g: 120, b: 160, alpha: 1 };
  return sharp({ create: { width: edge, height: edge, channels, background } });
}

async function smallFrame(canvas: number): Promise<Buffer> {
  const still = await flat(16).webp({ lossless: true }).toBuffer();
  // Behind RIFF, length and WEBP: the one chunk with the picture.
  return webp(webpCanvas(canvas, canvas), webpFrame(16, 16, still.subarray(12)));
}

function manyRectangles(count: number): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100">${'<rect width="9" height="9"/>'.repeat(count)}</svg>`;
}

function repeat<Value>(count: number, make: () => Value): Value[] {
  const one = make();
  return Array.from({ length: count }, () => one);
}
