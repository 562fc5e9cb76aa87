/** What the pipeline is asked with, and what it can answer. */
import type { AvatarError } from '../errors.ts';
import type { AvatarRequest } from '../vocabulary/request.ts';
import type { Wish } from './format-choice.ts';
import type { Variant } from './ports.ts';
import type { Stages } from './stages.ts';

/** Who asks, what it has already, and how to learn that it is gone. */
export type Caller = {
  /** A name for whoever sends this: those of one name take turns with those of others. */
  readonly client: string;
  /** Entity tags of the copies it holds, without quotes. */
  readonly tags: readonly string[];
  /** Counts at `.png` addresses only. */
  readonly wish: Wish;
  /** Asked for on a miss only: a hit needs no signal. */
  disconnected(): AbortSignal;
  /** Handed the timing of the work that begins for it; not of work of others that it joins. */
  watch?(stages: Stages): void;
};

/**
 * Where a picture came from: here already, made before by any instance, made for this request, or for
 * another at the same time.
 */
export type Source = 'memory' | 'shared' | 'rendered' | 'joined';

export type Answer =
  | {
      readonly kind: 'variant';
      readonly variant: Variant;
      /** Under which it is in memory from now on. */
      readonly key: string;
      readonly source: Source;
      /** Why nobody could be asked whether the original is still the one this was made from. */
      readonly trouble?: AvatarError;
    }
  /** Instead of the avatar, because of the error. */
  | {
      readonly kind: 'stand-in';
      readonly picture: 'blank' | 'letter';
      readonly variant: Variant;
      readonly source: Source;
      readonly error: AvatarError;
    }
  /** The copy with this tag still holds; nothing was rendered. */
  | { readonly kind: 'unchanged'; readonly etag: string }
  /** The client is sent there. */
  | { readonly kind: 'elsewhere'; readonly request: AvatarRequest; readonly because: WhyElsewhere };

/** What of the address is another: its size is not shown, or its upload is not the user's. */
export type WhyElsewhere = 'size' | 'upload';
