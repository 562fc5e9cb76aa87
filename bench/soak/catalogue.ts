/** Pictures whose every variant is known byte for byte before a service is asked for one. */
import { createHash } from 'node:crypto';
import { NOBODY } from '../../src/avatar/stand-in.ts';
import { drawLetter } from '../../src/letters/draw.ts';
import { encodeLetter, lockDecoders, transform } from '../../src/render/transform.ts';
import type { Format } from '../../src/vocabulary/formats.ts';
import type { Picture } from '../support/pictures.ts';

/** Of fewer pixels than are decoded in two steps, so that one call tells the bytes. */
const PICTURES = new Set<Picture['name']>(['avatar', 'alpha', 'webp']);
export const SIZES = [24, 45, 48, 90, 96, 120, 144, 240];
export const FORMATS: readonly Format[] = ['png', 'jpg', 'webp'];
/** Of what is asked for where there is nothing to show, or nothing that can be shown. */
export const SIZE_OF_BLANK = 48;

export type Look = { readonly sha256: string; readonly bytes: number };

type Variant = { readonly size: number; readonly format: Format; readonly picture: Picture };

export class Catalogue {
  readonly blank: Look;
  readonly #pictures: readonly Picture[];
  readonly #looks: ReadonlyMap<string, Look>;

  /** Renders all there is to know; takes some seconds. */
  static async make(drawn: readonly Picture[]): Promise<Catalogue> {
    lockDecoders();
    const pictures = drawn.filter(({ name }) => PICTURES.has(name));
    const looks = new Map<string, Look>();
    for (const picture of pictures) {
      for (const size of SIZES) {
        for (const format of FORMATS) {
          const bytes = await transform(picture.bytes, { size, format });
          looks.set(nameOf({ picture, size, format }), lookOf(bytes));
        }
      }
    }
    const nobody = await drawLetter({ ...NOBODY, size: SIZE_OF_BLANK });
    const blank = await encodeLetter(nobody, { size: SIZE_OF_BLANK, format: 'png' });
    return new Catalogue(pictures, looks, lookOf(blank));
  }

  private constructor(pictures: readonly Picture[], looks: ReadonlyMap<string, Look>, blank: Look) {
    this.#pictures = pictures;
    this.#looks = looks;
    this.blank = blank;
  }

  pictureOf(original: number): Picture {
    const picture = this.#pictures[original % this.#pictures.length];
    if (picture === undefined) throw new Error('no pictures');
    return picture;
  }

  look(variant: Variant): Look {
    const look = this.#looks.get(nameOf(variant));
    if (look === undefined) throw new Error(`nobody knows ${nameOf(variant)}`);
    return look;
  }
}

export function lookOf(bytes: Buffer): Look {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}

function nameOf({ picture, size, format }: Variant): string {
  return `${picture.name} ${size} ${format}`;
}
