/** Pictures that move, and what is left of them. */
import sharp from 'sharp';
import { CARD, card } from './cards.ts';

/** The card's first colour, then its others, over the whole picture. */
const COLOURS = Object.values(CARD);

type Animation = {
  readonly kind?: 'gif' | 'webp';
  readonly width?: number;
  readonly height?: number;
  readonly frames?: number;
  /** Milliseconds of each frame. */
  readonly delays?: readonly number[];
  /** How often it is shown; 0: for ever. */
  readonly loop?: number;
};

/** The card first, which stands for the picture as a still; plain colours after it. */
export async function animation(options: Animation = {}): Promise<Buffer> {
  const { kind = 'gif', width = 60, height = 40, frames = 4, loop = 0, delays } = options;
  const pictures = [await card(width, height).png().toBuffer()];
  for (let frame = 1; frame < frames; frame += 1) {
    const [r = 0, g = 0, b = 0] = COLOURS[frame % COLOURS.length] ?? [];
    const background = { r, g, b };
    const plain = sharp({ create: { width, height, channels: 3, background } });
    pictures.push(await plain.png().toBuffer());
  }
  const delay = delays === undefined ? 100 : [...delays];
  const joined = frames === 1 ? sharp(pictures[0]) : sharp(pictures, { join: { animated: true } });
  return kind === 'gif'
    ? await joined.gif({ loop, delay }).toBuffer()
    : await joined.webp({ loop, delay, lossless: true }).toBuffer();
}

type Seen = {
  readonly format: string | undefined;
  readonly frames: number;
  readonly width: number;
  readonly height: number;
  readonly delays: readonly number[] | undefined;
  readonly loop: number | undefined;
  /** In the middle of each frame. */
  readonly middles: ReadonlyArray<readonly number[]>;
};

export async function watch(picture: Buffer): Promise<Seen> {
  const {
    format,
    pages = 1,
    width,
    height,
    pageHeight,
    delay,
    loop,
  } = await sharp(picture, {
    animated: true,
  }).metadata();
  const frameHeight = pageHeight ?? height;
  const { data, info } = await sharp(picture, { animated: true })
    .flatten({ background: '#000' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const middles = Array.from({ length: pages }, (_, frame) => {
    const y = frame * frameHeight + Math.floor(frameHeight / 2);
    const at = (y * width + Math.floor(width / 2)) * info.channels;
    return [...data.subarray(at, at + 3)];
  });
  return { format, frames: pages, width, height: frameHeight, delays: delay, loop, middles };
}

/** What the middle of this frame is to look like. */
export function colourOf(frame: number): readonly number[] {
  return COLOURS[frame % COLOURS.length] ?? [];
}
