/** Avatars whose every variant is known byte for byte before the service is asked for one. */
import { createHash } from 'node:crypto';
import type { Format } from '../../src/avatar/formats.ts';
import { lockDecoders, transform } from '../../src/render/transform.ts';
import type { TestS3 } from '../../test/support/s3-server.ts';
import type { Picture } from '../support/pictures.ts';

/** Of fewer pixels than are decoded in two steps, so that one call tells the bytes. */
const PICTURES = new Set<Picture['name']>(['avatar', 'alpha', 'webp']);
const SIZES = [24, 45, 48, 90, 96, 120, 144, 240];
const FORMATS: readonly Format[] = ['png', 'jpg', 'webp'];
/** Asked for over and over, some more than others; and each of the others once. */
const REGULARS = 600;
const NEWCOMERS = 600;
const PUTS_AT_ONCE = 8;

export type Known = { readonly path: string; readonly sha256: string; readonly bytes: number };

type Variant = { readonly size: number; readonly format: Format; readonly picture: Picture };

export class Catalogue {
  readonly #pictures: readonly Picture[];
  readonly #known: ReadonlyMap<string, Omit<Known, 'path'>>;
  #newcomers = 0;

  /** Renders all there is to know; takes some seconds. */
  static async make(drawn: readonly Picture[]): Promise<Catalogue> {
    lockDecoders();
    const pictures = drawn.filter(({ name }) => PICTURES.has(name));
    const known = new Map<string, Omit<Known, 'path'>>();
    for (const picture of pictures) {
      for (const size of SIZES) {
        for (const format of FORMATS) {
          const bytes = await transform(picture.bytes, { size, format });
          const sha256 = createHash('sha256').update(bytes).digest('hex');
          known.set(nameOf({ picture, size, format }), { sha256, bytes: bytes.length });
        }
      }
    }
    return new Catalogue(pictures, known);
  }

  private constructor(
    pictures: readonly Picture[],
    known: ReadonlyMap<string, Omit<Known, 'path'>>,
  ) {
    this.#pictures = pictures;
    this.#known = known;
  }

  /** Puts the originals where the service looks for them. */
  async store(s3: TestS3, bucket: string): Promise<void> {
    const originals = [
      ...Array.from(
        { length: REGULARS },
        (_, user) => [`regular-${user}`, this.#of(user)] as const,
      ),
      ...Array.from({ length: NEWCOMERS }, (_, user) => [`new-${user}`, this.#of(user)] as const),
    ];
    const putNext = async (): Promise<void> => {
      for (let next = originals.pop(); next !== undefined; next = originals.pop()) {
        await s3.put(bucket, `soak/${next[0]}/1`, next[1].bytes);
      }
    };
    await Promise.all(Array.from({ length: PUTS_AT_ONCE }, putNext));
    await s3.put(bucket, 'soak/broken/1', Buffer.from('<html>Access denied</html>'));
  }

  /** One of those that were asked for before, most of the time. */
  regular(random: () => number): Known {
    const user = Math.floor(random() ** 2 * REGULARS);
    const size = SIZES[Math.floor(random() * SIZES.length)] ?? 48;
    const format = FORMATS[Math.floor(random() * FORMATS.length)] ?? 'png';
    return this.#know(`regular-${user}`, { picture: this.#of(user), size, format });
  }

  /** One nobody has asked for. */
  newcomer(): Known {
    const user = this.#newcomers % NEWCOMERS;
    // Those who have been there come again in another size.
    const size = SIZES[Math.floor(this.#newcomers / NEWCOMERS) % SIZES.length] ?? 48;
    this.#newcomers += 1;
    return this.#know(`new-${user}`, { picture: this.#of(user), size, format: 'png' });
  }

  #of(user: number): Picture {
    const picture = this.#pictures[user % this.#pictures.length];
    if (picture === undefined) throw new Error('no pictures');
    return picture;
  }

  #know(user: string, variant: Variant): Known {
    const known = this.#known.get(nameOf(variant));
    if (known === undefined) throw new Error(`nobody knows ${nameOf(variant)}`);
    return { ...known, path: `/user_avatar/soak/${user}/${variant.size}/1.${variant.format}` };
  }
}

function nameOf({ picture, size, format }: Variant): string {
  return `${picture.name} ${size} ${format}`;
}
