import type { Turn } from '../flow/fair-queue.ts';
import type { AskedFormat } from '../vocabulary/formats.ts';
import type { AvatarRequest } from '../vocabulary/request.ts';
import type { SharedUse, SharedVariant, SharedVariants, Variant } from './ports.ts';
import { sharedKey } from './shared-key.ts';
import { heldCopy, isOfLaterProfile, type ProfileVersions } from './variant.ts';

/** Which variant a request asks for. */
export type AskedVariant = { readonly request: AvatarRequest; readonly format: AskedFormat };

/** A copy that is what this instance would render, if the original still has this tag. */
export type UsableCopy<Copy = Variant> = {
  readonly variant: Copy;
  readonly originalTag: string;
  readonly version: string;
};

/** What this instance thinks of a copy in the shared store, looked at with its bytes or without. */
export type Judgement<Copy> =
  | (UsableCopy<Copy> & { readonly kind: 'usable' })
  /** Damaged, or made with other settings. */
  | { readonly kind: 'stale'; readonly version: string }
  /** Made by a later version of this service, as there is while one is rolled out. */
  | { readonly kind: 'later' };

export type SharedCopy = Judgement<Variant>;

export type SharingRules = {
  readonly profiles: ProfileVersions;
  /** The format that a `.png` address gives. */
  readonly format: AskedFormat;
  /** The canonical address, from `/user_avatar/` on; undefined if it may be another site's some day. */
  readonly addressOf: (request: AvatarRequest) => string | undefined;
};

/** The key under which the variant is kept; undefined when it cannot be shared. */
export function keyOf(
  { request, format }: AskedVariant,
  { addressOf, format: plain }: Pick<SharingRules, 'addressOf' | 'format'>,
): string | undefined {
  const address = addressOf(request);
  return address === undefined ? undefined : sharedKey(address, format, plain);
}

export function judge<Copy extends Omit<SharedVariant, 'bytes'>>(
  { variant, version }: { readonly variant: Copy | undefined; readonly version: string },
  { request, format }: AskedVariant,
  profiles: ProfileVersions,
): Judgement<Copy> {
  if (variant === undefined) return { kind: 'stale', version };
  const held = heldCopy([variant.etag], request.size, format, profiles);
  if (held !== undefined && variant.asked === format) {
    return { kind: 'usable', variant, originalTag: held.originalTag, version };
  }
  return isOfLaterProfile(variant.etag, profiles) ? { kind: 'later' } : { kind: 'stale', version };
}

/** Variants that other instances, or this one before it was restarted, have made. */
export class SharedCopies {
  readonly #store: SharedVariants;
  readonly #rules: SharingRules;

  constructor(store: SharedVariants, rules: SharingRules) {
    this.#store = store;
    this.#rules = rules;
  }

  async find(
    asked: AskedVariant & { readonly turn: Turn },
    signal: AbortSignal,
  ): Promise<SharedCopy | undefined> {
    const key = keyOf(asked, this.#rules);
    const stored = key === undefined ? undefined : await this.#store.read(key, asked.turn, signal);
    if (stored === undefined) return undefined;
    const copy = judge(stored, asked, this.#rules.profiles);
    if (stored.variant !== undefined && copy.kind !== 'usable') this.#store.used('stale');
    return copy;
  }

  /** Tells the metrics what became of a usable copy. */
  used(use: SharedUse): void {
    this.#store.used(use);
  }

  /**
   * Puts a variant that was just rendered into the store, in place of the copy that was found there.
   *
   * Vector originals are not kept: there was nothing to render, and a bucket cannot give them the
   * Content-Security-Policy they are sent with.
   */
  keep(asked: AskedVariant, variant: Variant, found: SharedCopy | undefined): void {
    const key = keyOf(asked, this.#rules);
    if (key === undefined || variant.format === 'svg' || found?.kind === 'later') return;
    this.#store.keep(key, { ...variant, asked: asked.format }, found?.version);
  }
}
