/** The pictures of a run, and what ImageMagick makes of each as the reference of all others. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { BenchContext } from './bench.ts';
import { ImageMagick } from './magick.ts';
import { collectPictures, type CorpusPicture } from './quality-corpus.ts';
import type { Pixels } from './similarity.ts';

/** Of a folder. */
const MOST_PICTURES = 64;
const MOST_QUICKLY = 8;
/** A strip can be too long for ImageMagick when it is enlarged. */
const LARGEST = 288;

export type References = {
  readonly magick: ImageMagick;
  /** Where the pictures are. */
  readonly folder: string;
  readonly pictures: readonly CorpusPicture[];
  /** How many more ImageMagick does not read. */
  readonly leftOut: number;
  /** @throws Error when ImageMagick does not read it */
  readonly of: (picture: CorpusPicture, size: number) => Promise<Pixels>;
};

/** Of the demo and the folders named behind the command, or by `AVATAR_CORPUS`. */
export async function openReferences({ workshop, quick, say }: BenchContext): Promise<References> {
  const magick = await ImageMagick.find(workshop.folder);
  const folder = join(workshop.folder, 'pictures');
  const found = collectPictures(folder, foldersNamed(), quick ? MOST_QUICKLY : MOST_PICTURES);
  const of: References['of'] = async ({ file }, size) => {
    const to = join(workshop.folder, 'reference.png');
    await magick.reference({ from: file, to, size });
    return await pixelsOf(readFileSync(to));
  };
  const pictures: CorpusPicture[] = [];
  for (const picture of found) {
    try {
      await of(picture, LARGEST);
      pictures.push(picture);
    } catch (error) {
      say(`without ${picture.name}: ${String(error).split('\n')[1] ?? ''}`);
    }
  }
  if (pictures.length === 0) throw new Error('no pictures');
  return { magick, folder, pictures, leftOut: found.length - pictures.length, of };
}

function foldersNamed(): string[] {
  const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  const fallback = process.env['AVATAR_CORPUS'];
  return named.length === 0 && fallback !== undefined ? [fallback] : named;
}

export async function pixelsOf(bytes: Buffer): Promise<Pixels> {
  const { data, info } = await sharp(bytes)
    .toColourspace('srgb')
    .ensureAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

/** As in "10 pictures of the folder `demo` (2 GIF, 8 PNG), 50 of …". */
export function describePictures(pictures: readonly CorpusPicture[], leftOut: number): string {
  const counts = [...Map.groupBy(pictures, ({ corpus }) => corpus)].map(([corpus, of], index) => {
    const formats = [...Map.groupBy(of, ({ format }) => format.toUpperCase())]
      .map(([format, each]) => `${each.length} ${format}`)
      .join(', ');
    return `${of.length}${index === 0 ? ' pictures' : ''} of the folder \`${corpus}\` (${formats})`;
  });
  return `${counts.join(', ')}${leftOut > 0 ? `; ${leftOut} more are not read by ImageMagick` : ''}`;
}
