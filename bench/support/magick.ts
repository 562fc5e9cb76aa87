/** ImageMagick, as Discourse calls it for an avatar, and as what others are measured against. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { findImageMagick } from './machine.ts';

const COVER = '-auto-orient -gravity center -background transparent';

const run = promisify(execFile);

type Square = {
  readonly from: string;
  readonly to: string;
  readonly size: number;
};

export class ImageMagick {
  readonly #program: string;
  /** Without one, colours of a wide gamut would be taken for sRGB. */
  readonly #profile: string;

  private constructor(program: string, profile: string) {
    this.#program = program;
    this.#profile = profile;
  }

  /** @throws Error when it is not installed */
  static async find(folder: string): Promise<ImageMagick> {
    const program = findImageMagick();
    if (program === undefined) throw new Error('ImageMagick is not installed');
    const profile = join(folder, 'srgb.icc');
    writeFileSync(profile, await srgbProfile());
    return new ImageMagick(program, profile);
  }

  /**
   * What Discourse asks for: 90 where the original's quality is higher or unknown, and else nothing, which
   * takes the original's.
   */
  async qualityFor(file: string): Promise<number | undefined> {
    const isOne = basename(this.#program) === 'magick';
    const program = isOne ? this.#program : join(dirname(this.#program), 'identify');
    const args = [...(isOne ? ['identify'] : []), '-format', '%Q\n', `${file}[0]`];
    const known = Number.parseInt((await run(program, args)).stdout, 10);
    return known > 0 && known <= 90 ? undefined : 90;
  }

  /** As Discourse does, but that no profile is left in the file: its optimisers would strip that. */
  async likeDiscourse(square: Square, quality: number | undefined): Promise<void> {
    const args = discourseArguments(square.from, square.to, square.size, quality);
    const profile = ['-profile', this.#profile, '-strip'];
    await run(this.#program, args.toSpliced(-1, 0, ...profile));
  }

  /** Every pixel decoded, in sRGB, Lanczos, nothing else, as a PNG of four channels. */
  async reference({ from, to, size }: Square): Promise<void> {
    const edges = `${size}x${size}`;
    await run(this.#program, [
      `${from}[0]`,
      ...`${COVER} -profile ${this.#profile} -filter Lanczos`.split(' '),
      ...`-resize ${edges}^ -extent ${edges} -strip -depth 8`.split(' '),
      `png32:${to}`,
    ]);
  }
}

/**
 * But for the colour profile, which Discourse reads from a file. Of an animation it takes the first
 * frame; the format is that of the names' endings.
 * @param quality left to ImageMagick, which takes the original's, when undefined
 */
export function discourseArguments(
  from: string,
  to: string,
  size: number,
  quality: number | undefined,
): string[] {
  const square = `${size}x${size}`;
  return [
    `${from}[0]`,
    ...(quality === undefined ? [] : ['-quality', `${quality}`]),
    ...`${COVER} -thumbnail ${square}^ -extent ${square} -interpolate catrom`.split(' '),
    ...'-unsharp 2x0.5+0.7+0 -interlace none'.split(' '),
    to,
  ];
}

async function srgbProfile(): Promise<Buffer> {
  const create = { width: 1, height: 1, channels: 3, background: '#fff' } as const;
  const { icc } = await sharp(
    await sharp({ create }).withIccProfile('srgb').png().toBuffer(),
  ).metadata();
  if (icc === undefined) throw new Error('sharp wrote no profile');
  return icc;
}
