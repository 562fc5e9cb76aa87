/** The names of a variant: its key in caches, its entity tag with clients. */
import { type AskedFormat, isFormat, type VariantFormat } from '../vocabulary/formats.ts';
import type { AvatarRequest } from '../vocabulary/request.ts';

/** The encoder settings of each format have a version: new bytes from old originals, new number. */
export type ProfileVersions = Readonly<Record<VariantFormat, number>>;

/** Names the avatar in all sizes and formats: one that is missing or damaged is so in each. */
export function avatarKey(request: AvatarRequest): string {
  return `${request.site}/${request.user}/${request.id}`;
}

/** Names all that decides the bytes but the original's content and the profile's version. */
export function variantKey(request: AvatarRequest, format: AskedFormat): string {
  return `${avatarKey(request)}/${request.size}.${format}`;
}

/**
 * The entity tag of a variant, without quotes: `png1-90-<entity tag of the original>`.
 * It changes when the original, the size, the format or the encoder profile does, and only then,
 * so every instance computes the same one; and the original's tag can be read back out of it, so
 * a store can say "unchanged" for a variant that no instance holds any more.
 *
 * Where another format was asked for than is given, the tag names that too: `jpg1.original-90-…`,
 * `webp1.awebp-90-…`. The original decided, and will decide the same for as long as it is unchanged. A tag
 * without it could be from a time when something else was asked for at this address, as before animations
 * were allowed, and would not tell what is given today.
 */
export function entityTag(
  original: { readonly etag: string },
  size: number,
  format: VariantFormat,
  profiles: ProfileVersions,
  asked: AskedFormat | VariantFormat = format,
): string {
  const mark = asked === format ? '' : `.${asked}`;
  return `${format}${profiles[format]}${mark}-${size}-${original.etag}`;
}

const TAG = /^(?<format>[a-z]+)(?<profile>\d+)(?:\.(?<mark>[a-z]+))?-(?<size>\d+)-(?<original>.+)$/;

/** A copy a client holds: its own tag, and that of the original it was made from. */
export type HeldCopy = { readonly tag: string; readonly originalTag: string };

/**
 * Finds, among a client's tags, the first that this service would give today for this variant if the
 * original is still the same. A cache sends the tags of every copy it has of an address (RFC 9111,
 * section 4.3.1), those for other clients too.
 */
export function heldCopy(
  tags: readonly string[],
  size: number,
  asked: AskedFormat,
  profiles: ProfileVersions,
): HeldCopy | undefined {
  for (const tag of tags) {
    const { format, profile, mark, size: tagSize, original } = TAG.exec(tag)?.groups ?? {};
    if (
      original !== undefined &&
      format !== undefined &&
      isFormat(format) &&
      (mark ?? format) === asked &&
      profile === String(profiles[format]) &&
      tagSize === String(size)
    ) {
      return { tag, originalTag: original };
    }
  }
  return undefined;
}

/** Whether the tag is of a later version of its format's encoder than ours. */
export function isOfLaterProfile(tag: string, profiles: ProfileVersions): boolean {
  const { format, profile } = TAG.exec(tag)?.groups ?? {};
  return format !== undefined && isFormat(format) && Number(profile) > profiles[format];
}
