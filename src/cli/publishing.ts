/** One avatar into the shared store, in all sizes: what is there and fresh is left as it is. */
import type { AskedFormat } from '../avatar/formats.ts';
import type { AddressGrammar, InspectedOriginal, Original } from '../avatar/ports.ts';
import { renderAsked } from '../avatar/rendition.ts';
import type { AvatarRequest } from '../avatar/request.ts';
import { sharedKey } from '../avatar/shared-key.ts';
import { entityTag, heldCopy, isOfLaterProfile, type ProfileVersions } from '../avatar/variant.ts';
import { AvatarError } from '../errors.ts';
import type { CurrentAvatar } from '../locator/walk.ts';
import type { VariantStore } from '../variants/store.ts';
import { type Parts, RENDERED_WITHIN_MS } from './parts.ts';

export type PublishingParts = Pick<Parts, 'originals' | 'vectors' | 'inspector' | 'renderer'> & {
  readonly store: VariantStore;
};

export type PublishingRules = {
  readonly grammar: Pick<AddressGrammar, 'format'>;
  readonly profiles: ProfileVersions;
  /** What a `.png` address gives. */
  readonly plain: AskedFormat;
  /** What is to be made: `plain`, and formats with an extension of their own. */
  readonly formats: readonly AskedFormat[];
};

/** Numbers of variants, and the bytes of those that were stored. */
export type Published = {
  readonly stored: number;
  readonly fresh: number;
  readonly bytes: number;
  /** Vector originals, which are not rendered, and names that no key can spell. */
  readonly leftOut: number;
};

export type NamedAvatar = CurrentAvatar & { readonly host: string };

/** A variant to be. */
type Wanted = {
  readonly request: AvatarRequest;
  readonly format: AskedFormat;
  readonly key: string;
};

/** What the store has in its place. */
type Copy = {
  readonly version: string | undefined;
  /** The entity tag of the original it was made from, if it was made as we do. */
  readonly madeFrom: string | undefined;
  /** By a later version of this service, which is not undone. */
  readonly isLater: boolean;
};

const NO_COPY: Copy = { version: undefined, madeFrom: undefined, isLater: false };

export class Publisher {
  readonly #parts: PublishingParts;
  readonly #rules: PublishingRules;

  constructor(parts: PublishingParts, rules: PublishingRules) {
    this.#parts = parts;
    this.#rules = rules;
  }

  /** @throws AvatarError as reading, rendering and storing do; the signal's reason */
  async publish(
    avatar: NamedAvatar,
    sizes: readonly number[],
    signal: AbortSignal,
  ): Promise<Published> {
    const { vectors, inspector } = this.#parts;
    const wanted = this.#name(avatar, sizes);
    const leftOut = sizes.length * this.#rules.formats.length - wanted.length;
    const copies = await this.#lookAt(wanted, signal);
    const original = await this.#read(avatar, copies, signal);
    if (original === 'unchanged') return { ...NOTHING, fresh: wanted.length, leftOut };

    const stale = wanted.flatMap((each, index) => {
      const copy = copies[index] ?? NO_COPY;
      return isFresh(copy, original) ? [] : [{ each, copy }];
    });
    const fresh = wanted.length - stale.length;
    if (vectors.accepts(original.bytes)) {
      return { ...NOTHING, fresh, leftOut: leftOut + stale.length };
    }
    const from = { original, inspected: inspector.inspect(original.bytes) };
    // All at once: where sizes can share a decode, they do.
    const bytes = await Promise.all(
      stale.map(({ each, copy }) => this.#make(each, copy, from, signal)),
    );
    original.release?.();
    const stored = bytes.filter((each) => each > 0).length;
    return {
      stored,
      fresh: wanted.length - stored,
      bytes: bytes.reduce((sum, each) => sum + each, 0),
      leftOut,
    };
  }

  #name({ site, host, user, id }: NamedAvatar, sizes: readonly number[]): Wanted[] {
    const { grammar, formats, plain } = this.#rules;
    return sizes.flatMap((size) => {
      const request = { site, host, user, size, id, extension: 'png' } as const;
      const address = grammar.format(request);
      return formats.flatMap((format) => {
        const key = sharedKey(address, format, plain);
        return key === undefined ? [] : [{ request, format, key }];
      });
    });
  }

  /**
   * Where there is neither the first nor the last, as ahead of the first visitor, the others are not
   * asked for: a request each would cost as much as a third of their renders.
   */
  async #lookAt(wanted: readonly Wanted[], signal: AbortSignal): Promise<Copy[]> {
    const ends = wanted.length > 2 ? [wanted[0], wanted.at(-1)] : [];
    const seen = ends.filter((each) => each !== undefined);
    const found = await Promise.all(seen.map((each) => this.#describe(each, signal)));
    if (seen.length > 0 && found.every(({ version }) => version === undefined)) return [];
    return await Promise.all(
      wanted.map(async (each) => {
        const index = seen.indexOf(each);
        return found[index] ?? (await this.#describe(each, signal));
      }),
    );
  }

  async #describe({ key, request, format }: Wanted, signal: AbortSignal): Promise<Copy> {
    const { profiles } = this.#rules;
    const found = await this.#parts.store.describe(key, signal);
    const { variant, version } = found ?? {};
    if (variant === undefined) return { ...NO_COPY, version };
    const { size } = request;
    const held =
      variant.asked === format ? heldCopy([variant.etag], size, format, profiles) : undefined;
    const isLater = isOfLaterProfile(variant.etag, profiles);
    return { version, madeFrom: held?.originalTag, isLater };
  }

  /** Not its bytes, when all that is wanted is there and was made from it as it is now. */
  async #read(
    { keys, lastModified }: CurrentAvatar,
    copies: readonly Copy[],
    signal: AbortSignal,
  ): Promise<Original | 'unchanged'> {
    const madeFrom = copies[0]?.madeFrom;
    const isWhole = copies.every((copy) => copy.madeFrom === madeFrom);
    const ifNoneMatch = isWhole ? madeFrom : undefined;
    const original = await this.#parts.originals.read(keys, { signal, ifNoneMatch });
    if (original === undefined) throw new AvatarError('avatar_missing');
    if (original === 'unchanged') return original;
    return { ...original, lastModified: lastModified ?? original.lastModified };
  }

  /** @returns how many bytes were stored; 0 when somebody else was first */
  async #make(
    wanted: Wanted,
    copy: Copy,
    { original, inspected }: { readonly original: Original; readonly inspected: InspectedOriginal },
    signal: AbortSignal,
  ): Promise<number> {
    const { store, renderer } = this.#parts;
    const { request, format: asked, key } = wanted;
    const { identity, etag, lastModified } = original;
    const { site, user, size } = request;
    const dueAt = performance.now() + RENDERED_WITHIN_MS;
    const job = { original: inspected, size, identity, site, client: 'publish', user, dueAt };
    const { bytes, format } = await renderAsked(renderer, asked, job, signal);
    const tag = entityTag({ etag }, size, format, this.#rules.profiles);
    const variant = { bytes, format, etag: tag, lastModified, asked };
    let outcome = await store.put(key, variant, { instead: copy.version, signal });
    if (outcome === 'conflict') {
      // What was there was not looked at, or has changed since.
      const instead = await this.#describe(wanted, signal);
      if (isFresh(instead, original)) return 0;
      outcome = await store.put(key, variant, { instead: instead.version, signal });
    }
    return outcome === 'stored' ? bytes.byteLength : 0;
  }
}

const NOTHING: Published = { stored: 0, fresh: 0, bytes: 0, leftOut: 0 };

function isFresh({ madeFrom, isLater }: Copy, { etag }: Original): boolean {
  return isLater || madeFrom === etag;
}
