/** The originals: made here, the same every time, of the kinds that forums get. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { link } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';

export type Picture = {
  readonly name: 'avatar' | 'alpha' | 'webp' | 'animation' | 'large' | 'phone' | 'heavy';
  readonly extension: 'jpg' | 'png' | 'webp' | 'gif';
  readonly file: string;
  readonly bytes: Buffer;
};

/** Draws all of them into a folder; takes two seconds. */
export async function drawPictures(folder: string): Promise<Picture[]> {
  mkdirSync(folder, { recursive: true });
  const drawn: Omit<Picture, 'file'>[] = [
    { name: 'avatar', extension: 'jpg', bytes: await jpeg(photo(400, 400, 1), 88) },
    { name: 'alpha', extension: 'png', bytes: await badge(512, 2) },
    { name: 'webp', extension: 'webp', bytes: await photo(900, 900, 3).webp().toBuffer() },
    { name: 'animation', extension: 'gif', bytes: await animation(400, 8) },
    { name: 'large', extension: 'jpg', bytes: await jpeg(photo(2725, 2225, 5), 82) },
    { name: 'phone', extension: 'jpg', bytes: await jpeg(photo(4000, 3000, 6), 90) },
  ];
  return drawn.map((picture) => {
    const file = join(folder, `${picture.name}.${picture.extension}`);
    writeFileSync(file, picture.bytes);
    return { ...picture, file };
  });
}

/** A few bytes that take a renderer ten times as long as others do: interlaced, with 16 bits. */
export async function drawHeavyPicture(folder: string): Promise<Picture> {
  const background = { r: 90, g: 120, b: 160, alpha: 0.5 };
  const bytes = await sharp({ create: { width: 3100, height: 3100, channels: 4, background } })
    .toColourspace('rgb16')
    .png({ progressive: true })
    .toBuffer();
  const file = join(folder, 'heavy.png');
  writeFileSync(file, bytes);
  return { name: 'heavy', extension: 'png', file, bytes };
}

export function pictureNamed(pictures: readonly Picture[], name: Picture['name']): Picture {
  const found = pictures.find((picture) => picture.name === name);
  if (found === undefined) throw new Error(`no picture is called ${name}`);
  return found;
}

/** A picture under the names of many users, as the folder store reads it: HOST/USER/ID. */
export async function giveToUsers(
  folder: string,
  users: ReadonlyArray<{ readonly user: string; readonly picture: Picture }>,
): Promise<void> {
  for (const { user, picture } of users) {
    mkdirSync(join(folder, 'bench', user), { recursive: true });
    await link(picture.file, join(folder, 'bench', user, '1'));
  }
}

/** Gradients with blurred noise: it compresses about as photographs of faces do. */
function photo(width: number, height: number, seed: number, noise = 70): Sharp {
  const [w, h] = [Math.ceil(width / 4), Math.ceil(height / 4)];
  const random = seededRandom(seed);
  const pixels = Buffer.alloc(w * h * 3);
  for (let at = 0; at < pixels.length; at += 1) {
    const pixel = Math.floor(at / 3);
    const wave = Math.sin((pixel % w) / 37 + (at % 3)) + Math.cos(Math.floor(pixel / w) / 29);
    pixels[at] = 128 + wave * 45 + (random() - 0.5) * noise;
  }
  return sharp(pixels, { raw: { width: w, height: h, channels: 3 } })
    .blur(0.8)
    .resize(width, height, { fit: 'fill', kernel: 'cubic' });
}

async function jpeg(picture: Sharp, quality: number): Promise<Buffer> {
  return await picture.jpeg({ quality }).toBuffer();
}

/** A round picture on nothing. */
async function badge(size: number, seed: number): Promise<Buffer> {
  const circle = `<svg width="${size}" height="${size}"><circle cx="50%" cy="50%" r="48%"/></svg>`;
  return await sharp(await photo(size, size, seed, 12).ensureAlpha().png().toBuffer())
    .composite([{ input: Buffer.from(circle), blend: 'dest-in' }])
    .png()
    .toBuffer();
}

async function animation(size: number, frames: number): Promise<Buffer> {
  const pictures = await Promise.all(
    Array.from({ length: frames }, (_, frame) =>
      photo(size, size, 40 + frame)
        .png()
        .toBuffer(),
    ),
  );
  return await sharp(pictures, { join: { animated: true } })
    .gif({ effort: 1, colours: 64, dither: 0 })
    .toBuffer();
}

/** Mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The sizes forums ask for, in an order that mixes small and large. */
export const SIZES = [
  24, 240, 48, 120, 32, 360, 90, 64, 288, 45, 144, 25, 180, 72, 96, 50, 216, 75, 135, 40,
];
