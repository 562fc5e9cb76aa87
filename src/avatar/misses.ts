/**
 * How a variant that is not in memory is answered, from top to bottom. There may be a copy of it, held by
 * the client or in the shared store; the original tells whether that is still good; where there is none
 * that is, the original is rendered.
 */
import { AvatarError } from '../errors.ts';
import type { Turn } from '../flow/fair-queue.ts';
import { once } from '../flow/once.ts';
import type { AskedFormat } from '../vocabulary/formats.ts';
import type { AvatarRequest } from '../vocabulary/request.ts';
import type { Answer } from './answer.ts';
import { findOriginal, type FoundOriginal, verifyCopy } from './find-original.ts';
import { makeVariant, type VariantParts } from './make-variant.ts';
import type { Locator, Original, Originals, VariantCache } from './ports.ts';
import type { SharedCopies, SharedCopy, UsableCopy } from './shared-copies.ts';
import type { Stages } from './stages.ts';
import { avatarKey, type HeldCopy, type ProfileVersions } from './variant.ts';
import type { Verdicts } from './verdicts.ts';

export type MissParts = VariantParts & {
  readonly locator: Locator;
  readonly originals: Originals;
  readonly variants: VariantCache;
  /** The store that all instances share, where there is one. */
  readonly shared: SharedCopies | undefined;
};

export type MissRules = {
  readonly profiles: ProfileVersions;
  /** The whole of a miss. */
  readonly deadlineMs: number;
};

/** A variant that is asked for and not in memory. */
export type UncachedVariant = {
  /** The turn of whoever asks for it first. */
  readonly turn: Turn;
  readonly request: AvatarRequest;
  readonly format: AskedFormat;
  readonly key: string;
};

/** One piece of work for such a variant, and what is known of those who wait for it. */
export type Miss = UncachedVariant & {
  /** The copy to verify, which all of them hold; undefined: they need the variant itself. */
  readonly held: HeldCopy | undefined;
  readonly stages: Stages;
  /** On the clock of `performance.now()`. */
  readonly dueAt: number;
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal;
};

type ClientCopy = HeldCopy & { readonly from: 'client' };
type StoreCopy = UsableCopy & { readonly from: 'store' };

/** A picture made earlier, good for as long as the original is the one that it was made from. */
type Copy = ClientCopy | StoreCopy;

/** How long "missing" and "damaged" hold for an avatar before its original is read again. */
const AVATAR_REFUSED_MS = 60_000;
/** How long a copy that could not be verified is shown before that is tried again. */
const UNVERIFIED_FOR_MS = 30_000;
/** How long the verdict on an original's bytes stands: they are not decoded again in that time. */
const ORIGINAL_REFUSED_MS = 600_000;
/** How long a still is shown for an animation that there was no time for. */
const PROVISIONAL_FOR_MS = 600_000;

export class Misses {
  readonly #parts: MissParts;
  readonly #rules: MissRules;
  readonly #verdicts: Verdicts;

  /** @param verdicts remembers what is found to be missing or damaged */
  constructor(parts: MissParts, rules: MissRules, verdicts: Verdicts) {
    this.#parts = parts;
    this.#rules = rules;
    this.#verdicts = verdicts;
  }

  /** @throws AvatarError */
  async answer(miss: Miss): Promise<Answer> {
    const shared = once(() => this.#findShared(miss));
    // The store is not asked while the client's own copy may do.
    const copy = miss.held === undefined ? fromStore(await shared()) : fromClient(miss.held);
    let found: FoundOriginal<Copy>;
    try {
      found = await this.#findOriginal(miss, copy);
    } catch (thrown) {
      const error = AvatarError.from(thrown);
      this.#verdicts.remember(avatarKey(miss.request), error, AVATAR_REFUSED_MS);
      if (error.isVerdict || miss.signal.aborted) throw error;
      return this.#answerUnverified(await shared(), miss, error);
    }
    switch (found.kind) {
      case 'unchanged':
        return this.#answerCopy(found.copy, miss);
      case 'read':
        try {
          return await this.#answerRead(found.original, miss, await shared());
        } finally {
          found.original.done?.();
        }
      case 'moved':
        return { kind: 'elsewhere', request: { ...miss.request, id: found.id }, because: 'upload' };
      case 'missing':
        // The locator says so, and decides by itself how often it asks again: not remembered here.
        throw new AvatarError('avatar_missing', {
          detail: 'the locator knows no such user or picture',
        });
    }
  }

  async #findShared(miss: Miss): Promise<SharedCopy | undefined> {
    if (this.#parts.shared === undefined) return undefined;
    miss.stages.begin('shared');
    return await this.#parts.shared.find(miss, miss.signal);
  }

  async #findOriginal(miss: Miss, copy: Copy | undefined): Promise<FoundOriginal<Copy>> {
    return copy?.from === 'store'
      ? await verifyCopy(this.#parts, miss.request, { ...miss, copy }, this.#rules.deadlineMs)
      : await findOriginal(this.#parts, miss.request, { ...miss, copy });
  }

  /** The copy is good: the original is the one that it was made from. */
  #answerCopy(copy: Copy, { key }: Miss): Answer {
    if (copy.from === 'client') return { kind: 'unchanged', etag: copy.tag };
    const { variant } = copy;
    this.#parts.shared?.used('hit');
    this.#parts.variants.set(key, variant);
    return { kind: 'variant', variant, key, source: 'shared' };
  }

  /** Nobody can tell whether the store's copy is still good: it is shown nevertheless. */
  #answerUnverified(shared: SharedCopy | undefined, { key }: Miss, trouble: AvatarError): Answer {
    const copy = fromStore(shared);
    if (copy === undefined) throw trouble;
    const { variant } = copy;
    this.#parts.shared?.used('unverified');
    this.#parts.variants.set(key, variant, UNVERIFIED_FOR_MS);
    return { kind: 'variant', variant, key, source: 'shared', trouble };
  }

  /** There was no copy, or it was made from another original than this. */
  async #answerRead(
    original: Original,
    miss: Miss,
    shared: SharedCopy | undefined,
  ): Promise<Answer> {
    const copy = fromStore(shared);
    // Only the client's copy was outdated: the store's was made after the original had changed.
    if (copy?.originalTag === original.etag) {
      original.release?.();
      return this.#answerCopy(copy, miss);
    }
    if (copy !== undefined) this.#parts.shared?.used('stale');
    return await this.#answerRendered(original, miss, shared);
  }

  /** @param shared the store's copy, which the new variant takes the place of */
  async #answerRendered(
    original: Original,
    miss: Miss,
    shared: SharedCopy | undefined,
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
        this.#parts.shared?.keep(miss, variant, shared);
      }
      return { kind: 'variant', variant, key, source: 'rendered' };
    } catch (error) {
      this.#verdicts.remember(avatarKey(request), error, AVATAR_REFUSED_MS);
      throw error;
    }
  }
}

function fromClient(held: HeldCopy): ClientCopy {
  return { ...held, from: 'client' };
}

function fromStore(shared: SharedCopy | undefined): StoreCopy | undefined {
  return shared?.kind === 'usable' ? { ...shared, from: 'store' } : undefined;
}
