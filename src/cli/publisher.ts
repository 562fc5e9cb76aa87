/** Puts one avatar into the shared store, in all sizes; what is there and fresh is left as it is. */
import { renderVariant } from '../avatar/make-variant.ts';
import type { InspectedOriginal, Original, SharedVariant } from '../avatar/ports.ts';
import {
  type AskedVariant,
  judge,
  type Judgement,
  keyOf,
  type SharingRules,
} from '../avatar/shared-copies.ts';
import { AvatarError } from '../errors.ts';
import type { CurrentAvatar } from '../locator/walk.ts';
import type { VariantStore } from '../variants/store.ts';
import type { AskedFormat } from '../vocabulary/formats.ts';
import { missingUnder } from './original.ts';
import { type Parts, RENDERED_WITHIN_MS } from './parts.ts';
import { CommonTrouble, withRetries } from './retry.ts';

type PublisherParts = Pick<Parts, 'originals' | 'vectors' | 'inspector' | 'renderer'> & {
  readonly store: VariantStore;
};

type PublisherRules = SharingRules & {
  /** What is to be made: that of `.png` addresses, and formats with an extension of their own. */
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

/** A variant to be made, where it is not there and fresh. */
type PlannedVariant = AskedVariant & { readonly key: string };

/** What the store has in its place, if it has anything. */
type Copy = Judgement<Omit<SharedVariant, 'bytes'>> | undefined;

const NOTHING: Published = { stored: 0, fresh: 0, bytes: 0, leftOut: 0 };

export class Publisher {
  readonly #parts: PublisherParts;
  readonly #rules: PublisherRules;

  constructor(parts: PublisherParts, rules: PublisherRules) {
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
    const planned = this.#name(avatar, sizes);
    const leftOut = sizes.length * this.#rules.formats.length - planned.length;
    const copies = await this.#lookAt(planned, signal);
    const original = await this.#read(avatar, copies, signal);
    if (original === 'unchanged') return { ...NOTHING, fresh: planned.length, leftOut };

    const stale = planned.flatMap((each, index) => {
      const copy = copies[index];
      return isFresh(copy, original) ? [] : [{ each, copy }];
    });
    const fresh = planned.length - stale.length;
    if (vectors.accepts(original.bytes)) {
      return { ...NOTHING, fresh, leftOut: leftOut + stale.length };
    }
    const from = { original, inspected: inspector.inspect(original.bytes) };
    // All at once: where sizes can share a decode, they do.
    const making = stale.map(({ each, copy }) => this.#make(each, copy, from, signal));
    // One that fails leaves none behind that nobody waits for.
    await Promise.allSettled(making);
    const bytes = await Promise.all(making);
    original.release?.();
    const stored = bytes.filter((each) => each > 0).length;
    return {
      stored,
      fresh: planned.length - stored,
      bytes: bytes.reduce((sum, each) => sum + each, 0),
      leftOut,
    };
  }

  #name({ site, host, user, id }: NamedAvatar, sizes: readonly number[]): PlannedVariant[] {
    return sizes.flatMap((size) => {
      const request = { site, host, user, size, id, extension: 'png' } as const;
      return this.#rules.formats.flatMap((format) => {
        const key = keyOf({ request, format }, this.#rules);
        return key === undefined ? [] : [{ request, format, key }];
      });
    });
  }

  /**
   * Where there is neither the first nor the last, as ahead of the first visitor, the others are not
   * asked for: a request each would cost as much as a third of their renders.
   */
  async #lookAt(planned: readonly PlannedVariant[], signal: AbortSignal): Promise<Copy[]> {
    const ends = planned.length > 2 ? [planned[0], planned.at(-1)] : [];
    const seen = ends.filter((each) => each !== undefined);
    const found = await Promise.all(seen.map((each) => this.#describe(each, signal)));
    if (seen.length > 0 && found.every((copy) => copy === undefined)) return [];
    return await Promise.all(
      planned.map(async (each) => {
        const index = seen.indexOf(each);
        return index < 0 ? await this.#describe(each, signal) : found[index];
      }),
    );
  }

  async #describe(planned: PlannedVariant, signal: AbortSignal): Promise<Copy> {
    const found = await this.#ask((store) => store.describe(planned.key, signal), signal);
    return found === undefined ? undefined : judge(found, planned, this.#rules.profiles);
  }

  /** Not its bytes, when all that is planned is there and was made from it as it is now. */
  async #read(
    { keys, lastModified }: CurrentAvatar,
    copies: readonly Copy[],
    signal: AbortSignal,
  ): Promise<Original | 'unchanged'> {
    const madeFrom = originalOf(copies[0]);
    const isWhole = copies.every((copy) => originalOf(copy) === madeFrom);
    const ifNoneMatch = isWhole ? madeFrom : undefined;
    const original = await this.#parts.originals.read(keys, { signal, ifNoneMatch });
    if (original === undefined) throw missingUnder(keys);
    if (original === 'unchanged') return original;
    return { ...original, lastModified: lastModified ?? original.lastModified };
  }

  /** @returns how many bytes were stored; 0 when somebody else was first */
  async #make(
    planned: PlannedVariant,
    copy: Copy,
    { original, inspected }: { readonly original: Original; readonly inspected: InspectedOriginal },
    signal: AbortSignal,
  ): Promise<number> {
    const { renderer } = this.#parts;
    const { request, format, key } = planned;
    const { site, user, size } = request;
    const dueAt = performance.now() + RENDERED_WITHIN_MS;
    const job = { original: inspected, size, format, site, client: 'publish', user, dueAt, signal };
    const rendered = await renderVariant(renderer, original, job, this.#rules.profiles);
    if (rendered.isProvisional === true) {
      throw new AvatarError('animation_too_slow', { detail: `at ${size} pixels` });
    }
    const variant = { ...rendered, asked: format };
    const put = (instead: Copy): Promise<'stored' | 'conflict'> =>
      this.#ask(
        (store) => store.put(key, variant, { instead: versionOf(instead), signal }),
        signal,
      );
    let outcome = await put(copy);
    if (outcome === 'conflict') {
      // What was there was not looked at, or has changed since.
      const instead = await this.#describe(planned, signal);
      if (isFresh(instead, original)) return 0;
      outcome = await put(instead);
    }
    return outcome === 'stored' ? variant.bytes.byteLength : 0;
  }

  /** Asked again where that may help: what was rendered for it would have to be rendered again. */
  async #ask<Answer>(
    question: (store: VariantStore) => Promise<Answer>,
    signal: AbortSignal,
  ): Promise<Answer> {
    try {
      return await withRetries(signal, () => question(this.#parts.store));
    } catch (thrown) {
      throw new CommonTrouble(thrown);
    }
  }
}

function isFresh(copy: Copy, { etag }: Original): boolean {
  return copy?.kind === 'later' || originalOf(copy) === etag;
}

/** The entity tag of the original it was made from, if it was made as we do. */
function originalOf(copy: Copy): string | undefined {
  return copy?.kind === 'usable' ? copy.originalTag : undefined;
}

/** Names what is replaced: nothing, where there is nothing. */
function versionOf(copy: Copy): string | undefined {
  return copy === undefined || copy.kind === 'later' ? undefined : copy.version;
}
