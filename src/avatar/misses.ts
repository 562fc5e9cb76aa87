/**
 * The way of a variant that is not in memory, from top to bottom: copies there may be of it, with who
 * asks or in the shared store; the original, which tells whether they hold; a render where none does.
 */
import { AvatarError } from '../errors.ts';
import type { Turn } from '../flow/fair-queue.ts';
import type { AskedFormat } from '../vocabulary/formats.ts';
import type { AvatarRequest } from '../vocabulary/request.ts';
import type { Answer } from './answer.ts';
import { findOriginal, type FoundOriginal, verifyCopy } from './find-original.ts';
import { makeVariant, type VariantParts } from './make-variant.ts';
import type { Locator, Original, Originals, Variant, VariantCache } from './ports.ts';
import type { SharedCopies, SharedCopy } from './shared-copies.ts';
import type { Stages } from './stages.ts';
import { avatarKey, type HeldCopy, type ProfileVersions } from './variant.ts';
import type { Verdicts } from './verdicts.ts';

export type MissParts = VariantParts & {
  readonly locator: Locator;
  readonly originals: Originals;
  readonly variants: VariantCache;
  /** What all instances share, where they do. */
  readonly shared: SharedCopies | undefined;
};

export type MissRules = {
  readonly profiles: ProfileVersions;
  /** The whole of a miss. */
  readonly deadlineMs: number;
};

/** A variant that is not in memory. */
export type Wanted = {
  /** Of the first who asks for it. */
  readonly turn: Turn;
  readonly request: AvatarRequest;
  readonly format: AskedFormat;
  readonly key: string;
};

/** The way of a variant to those who wait for it. */
export type Miss = Wanted & {
  /** The copy that they have themselves. */
  readonly held: HeldCopy | undefined;
  readonly stages: Stages;
  /** On the clock of `performance.now()`. */
  readonly dueAt: number;
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal;
};

/** How long "missing" and "damaged" hold for an avatar before its original is read again. */
const AVATAR_REFUSED_MS = 60_000;
/** How long one that could not be verified is shown before that is tried again. */
const UNVERIFIED_FOR_MS = 30_000;
/** How long the verdict on one original's bytes holds: it is never decoded again in that time. */
const ORIGINAL_REFUSED_MS = 600_000;
/** How long a still is shown for an animation that there was no time for. */
const PROVISIONAL_FOR_MS = 600_000;

export class Misses {
  readonly #parts: MissParts;
  readonly #rules: MissRules;
  readonly #verdicts: Verdicts;

  /** @param verdicts what is found to be missing or damaged is remembered there */
  constructor(parts: MissParts, rules: MissRules, verdicts: Verdicts) {
    this.#parts = parts;
    this.#rules = rules;
    this.#verdicts = verdicts;
  }

  /** @throws AvatarError */
  async answer(miss: Miss): Promise<Answer> {
    // Who holds a copy needs none of ours, unless theirs turns out to be outdated.
    const shared = miss.held === undefined ? await this.#findShared(miss) : undefined;
    let found: FoundOriginal;
    try {
      found = await this.#findOriginal(miss, shared);
    } catch (error) {
      this.#verdicts.remember(avatarKey(miss.request), error, AVATAR_REFUSED_MS);
      return await this.#answerUnverified(AvatarError.from(error), miss, shared);
    }
    switch (found.kind) {
      case 'unchanged':
        return shared?.kind === 'usable'
          ? this.#answerShared(shared.variant, miss)
          : { kind: 'unchanged', etag: miss.held?.tag ?? '' };
      case 'read':
        try {
          return await this.#answerRead(found.original, miss, shared);
        } finally {
          found.original.done?.();
        }
      case 'moved':
        return { kind: 'elsewhere', request: { ...miss.request, id: found.id }, because: 'upload' };
      case 'missing':
        // Not remembered here: whom the locator asks, and how often, is its own affair.
        throw new AvatarError('avatar_missing');
    }
  }

  async #findShared(miss: Miss): Promise<SharedCopy | undefined> {
    if (this.#parts.shared === undefined) return undefined;
    miss.stages.begin('shared');
    return await this.#parts.shared.find(miss, miss.signal);
  }

  async #findOriginal(miss: Miss, shared: SharedCopy | undefined): Promise<FoundOriginal> {
    if (shared?.kind === 'usable') {
      const copy = { ...miss, knownTag: shared.originalTag };
      return await verifyCopy(this.#parts, miss.request, copy, this.#rules.deadlineMs);
    }
    const knownTag = miss.held?.originalTag;
    return await findOriginal(this.#parts, miss.request, { ...miss, knownTag });
  }

  /** The original cannot be asked for: a picture that was made of it is shown nevertheless. */
  async #answerUnverified(
    trouble: AvatarError,
    miss: Miss,
    shared: SharedCopy | undefined,
  ): Promise<Answer> {
    if (trouble.isVerdict || miss.signal.aborted) throw trouble;
    const copy = miss.held === undefined ? shared : await this.#findShared(miss);
    if (copy?.kind !== 'usable') throw trouble;
    return this.#answerShared(copy.variant, miss, trouble);
  }

  #answerShared(variant: Variant, { key }: Miss, trouble?: AvatarError): Answer {
    const isVerified = trouble === undefined;
    this.#parts.shared?.used(isVerified ? 'hit' : 'unverified');
    this.#parts.variants.set(key, variant, isVerified ? undefined : UNVERIFIED_FOR_MS);
    const answer = { kind: 'variant', variant, key, source: 'shared' } as const;
    return isVerified ? answer : { ...answer, trouble };
  }

  /** The original is another than that of the copy in hand, or there was none. */
  async #answerRead(
    original: Original,
    miss: Miss,
    shared: SharedCopy | undefined,
  ): Promise<Answer> {
    // Whoever has noticed before that the held one is outdated has rendered it.
    const copy = miss.held === undefined ? shared : await this.#findShared(miss);
    if (copy?.kind === 'usable') {
      if (copy.originalTag === original.etag) {
        original.release?.();
        return this.#answerShared(copy.variant, miss);
      }
      this.#parts.shared?.used('stale');
    }
    return await this.#answerRendered(original, miss, copy);
  }

  /** @param outdated the shared copy that the new one takes the place of */
  async #answerRendered(
    original: Original,
    miss: Miss,
    outdated: SharedCopy | undefined,
  ): Promise<Answer> {
    const { key, request } = miss;
    try {
      const variant = await this.#verdicts.guard(original.identity, ORIGINAL_REFUSED_MS, () =>
        makeVariant(this.#parts, original, miss, this.#rules.profiles),
      );
      original.release?.();
      if (variant.isProvisional === true) {
        this.#parts.variants.set(key, variant, PROVISIONAL_FOR_MS);
      } else {
        this.#parts.variants.set(key, variant);
        this.#parts.shared?.keep(miss, variant, outdated);
      }
      return { kind: 'variant', variant, key, source: 'rendered' };
    } catch (error) {
      this.#verdicts.remember(avatarKey(request), error, AVATAR_REFUSED_MS);
      throw error;
    }
  }
}
