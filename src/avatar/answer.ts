/** The pipeline's caller, and the answers it can have. */
import type { AvatarError } from '../errors.ts';
import type { AvatarRequest } from '../vocabulary/request.ts';
import type { Wish } from './format-choice.ts';
import type { Variant } from './ports.ts';
import type { Stages } from './stages.ts';

/** The client that asks: what it holds already, and how to learn that it is gone. */
export type Caller = {
  /** A name for the client: requests of one name take turns with those of others. */
  readonly client: string;
  /** Entity tags of the copies it holds, without quotes. */
  readonly tags: readonly string[];
  /** Counts at `.png` addresses only. */
  readonly wish: Wish;
  /** Aborts when the client is gone. Called on a miss only: a hit needs no signal. */
  disconnected(): AbortSignal;
  /**
   * Is given the timing of each piece of work that begins for this client, the drawing of a stand-in being
   * one more, not of work that it joins.
   */
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
      /** The key under which the variant is in memory from now on. */
      readonly key: string;
      readonly source: Source;
      /** The error that kept the copy from being verified against its original. */
      readonly trouble?: AvatarError;
    }
  /** A picture shown in place of the avatar, because of the error. */
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

/** Why the client is sent elsewhere: the size is not served, or the upload is not the user's. */
export type WhyElsewhere = 'size' | 'upload';
