/** Who has which avatar, at which address, and under which key its original is. */
import type { Format } from '../../src/vocabulary/formats.ts';
import { storedKey } from '../../test/support/discourse-database.ts';
import type { TestS3 } from '../../test/support/s3-server.ts';
import type { Picture } from '../support/pictures.ts';
import { type Catalogue, FORMATS, type Look, SIZES } from './catalogue.ts';

/** Users who are asked for over and over, some more than others; the others come once. */
export const REGULARS = 600;
/** Of the others, who may have one together. */
const THEIR_ORIGINALS = 600;
const ORIGINALS = REGULARS + THEIR_ORIGINALS;
const PUTS_AT_ONCE = 8;

export type Known = Look & {
  readonly url: string;
  /** Who has been asked for before, after a first answer; undefined for those who come once. */
  readonly regular: string | undefined;
};

/** How a site names its users and their originals. */
export type Naming = {
  readonly users: number;
  key(original: number, picture: Picture): string;
  path(user: number, size: number, format: Format): string;
  /** What a user's addresses can give. */
  formats(picture: Picture): readonly Format[];
};

/** As the default template has it. */
export const PLAIN: Naming = {
  users: ORIGINALS,
  key: (original) => `soak/user${original}/1`,
  path: (user, size, format) => `/user_avatar/soak/user${user}/${size}/1.${format}`,
  formats: () => FORMATS,
};

/**
 * As a forum has it: many more users than pictures, since an upload is shared by all who have the same;
 * each user is one more question to the database. And each picture stays in its format.
 */
export const FORUM: Naming = {
  users: 200_000,
  key: (original, { extension }) => storedKey(uploadOf(original), extension),
  path: (user, size) => `/user_avatar/soak/user${user}/${size}/${uploadOf(originalOf(user))}_2.png`,
  formats: ({ extension }) => FORMATS.filter((format) => format === extension),
};

export class Avatars {
  readonly #catalogue: Catalogue;
  readonly #naming: Naming;
  readonly #url: string;
  #newcomers = 0;

  /** @param url of the service that shows them */
  constructor(catalogue: Catalogue, naming: Naming, url: string) {
    this.#catalogue = catalogue;
    this.#naming = naming;
    this.#url = url;
  }

  /** One of those that were asked for before, most of the time. */
  regular(random: () => number): Known {
    const user = Math.floor(random() ** 2 * REGULARS);
    const formats = this.#naming.formats(this.#catalogue.pictureOf(user));
    const size = SIZES[Math.floor(random() * SIZES.length)] ?? 48;
    return this.#know(user, size, formats[Math.floor(random() * formats.length)]);
  }

  /** One nobody has asked for. */
  newcomer(): Known {
    const newcomers = this.#naming.users - REGULARS;
    const user = REGULARS + (this.#newcomers % newcomers);
    // Those who have been there come again in another size.
    const size = SIZES[Math.floor(this.#newcomers / newcomers) % SIZES.length] ?? 48;
    this.#newcomers += 1;
    const picture = this.#catalogue.pictureOf(originalOf(user));
    return this.#know(user, size, this.#naming.formats(picture)[0]);
  }

  #know(user: number, size: number, format: Format = 'png'): Known {
    const picture = this.#catalogue.pictureOf(originalOf(user));
    return {
      ...this.#catalogue.look({ picture, size, format }),
      url: this.#url + this.#naming.path(user, size, format),
      regular: user < REGULARS ? `${this.#url} ${user}` : undefined,
    };
  }
}

/** Every original, and the picture it is. */
export function originalsOf(catalogue: Catalogue): [original: number, picture: Picture][] {
  return Array.from({ length: ORIGINALS }, (_, original) => [
    original,
    catalogue.pictureOf(original),
  ]);
}

/** Puts the originals where a service looks for them. */
export async function storeOriginals(
  catalogue: Catalogue,
  naming: Naming,
  s3: TestS3,
  bucket: string,
): Promise<void> {
  const originals = originalsOf(catalogue);
  const putNext = async (): Promise<void> => {
    for (let next = originals.pop(); next !== undefined; next = originals.pop()) {
      const [original, picture] = next;
      await s3.put(bucket, naming.key(original, picture), picture.bytes);
    }
  };
  await Promise.all(Array.from({ length: PUTS_AT_ONCE }, putNext));
}

/** Uploads are counted from 1. */
export function uploadOf(original: number): number {
  return original + 1;
}

function originalOf(user: number): number {
  return user < REGULARS ? user : REGULARS + ((user - REGULARS) % THEIR_ORIGINALS);
}
