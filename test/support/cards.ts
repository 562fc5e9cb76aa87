/**
 * The test card: four quarters of known colours, so that one look at a picture tells whether it is
 * upright, uncropped where it should be, and in the right colours.
 */
import sharp, { type Sharp } from 'sharp';
import { differenceOf } from './colour.ts';

export type Rgb = readonly [number, number, number];

export const CARD = {
  topLeft: [220, 30, 30],
  topRight: [30, 180, 40],
  bottomLeft: [40, 60, 220],
  bottomRight: [230, 210, 40],
} as const satisfies Record<string, Rgb>;

/** What is turned or of another gamut is off by more. */
export const CARD_CHECK = { corners: CARD, maxDeltaE: 15 };

type Corner = keyof typeof CARD;

export type Corners = Readonly<Record<Corner, Rgb>>;

const CORNERS = ['topLeft', 'topRight', 'bottomLeft', 'bottomRight'] as const satisfies Corner[];

export function card(width: number, height: number): Sharp {
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const colour = CARD[cornerOf(x < width / 2, y < height / 2)];
      pixels.set(colour, (y * width + x) * 3);
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** The colour in the middle of each quarter of an encoded picture, and its size. */
export async function lookAt(
  picture: Buffer,
): Promise<{ width: number; height: number; corners: Corners }> {
  const { data, info } = await sharp(picture)
    .flatten({ background: '#000' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const at = (x: number, y: number): Rgb => {
    const offset = (Math.floor(y * height) * width + Math.floor(x * width)) * channels;
    return [data[offset] ?? -1, data[offset + 1] ?? -1, data[offset + 2] ?? -1];
  };
  return {
    width,
    height,
    corners: {
      topLeft: at(0.25, 0.25),
      topRight: at(0.75, 0.25),
      bottomLeft: at(0.25, 0.75),
      bottomRight: at(0.75, 0.75),
    },
  };
}

/** The largest difference in any channel of any corner from the card's colours. */
export function distanceFromCard(corners: Corners): number {
  return distance(corners, CARD);
}

/** The largest difference in any channel of any corner. */
function distance(these: Corners, those: Corners): number {
  const differences = CORNERS.flatMap((corner) =>
    those[corner].map((value, channel) => Math.abs(value - (these[corner][channel] ?? 999))),
  );
  return Math.max(...differences);
}

/** The same by eye (CIE76), and in which corner. */
export function farthestCorner(these: Corners, those: Corners): { corner: Corner; off: number } {
  const [first] = CORNERS.map((corner) => ({
    corner,
    off: differenceOf(these[corner], those[corner]),
  })).toSorted((one, other) => other.off - one.off);
  return first ?? { corner: 'topLeft', off: 0 };
}

function cornerOf(isLeft: boolean, isTop: boolean): Corner {
  if (isTop) return isLeft ? 'topLeft' : 'topRight';
  return isLeft ? 'bottomLeft' : 'bottomRight';
}
