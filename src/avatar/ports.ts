/**
 * What the pipeline needs from the parts below it. Each interface is as narrow as that need; the
 * implementations live in `locator/`, `discourse/`, `originals/`, `inspect/`, `render/` and
 * `variants/` and are joined in `app.ts`.
 */
import type { Turn } from '../flow/fair-queue.ts';
import type { AskedFormat, Format, OriginalFormat, VariantFormat } from '../vocabulary/formats.ts';
import type { LetterRequest } from '../vocabulary/letter.ts';
import type { AvatarRequest, UnassignableRequest } from '../vocabulary/request.ts';
import type { SizePolicy } from './sizes.ts';

/** How addresses are read and written: the service's own way, or that of a forum's software. */
export interface AddressGrammar {
  /**
   * @param path what follows `/user_avatar/` in the request target, still percent-encoded, no query
   * @throws AvatarError `path_invalid`
   */
  parse(path: string): AvatarRequest | UnassignableRequest;
  /** The address, from `/user_avatar/` on, that clients are sent to. */
  format(request: AvatarRequest): string;
}

/** Which sizes each site shows. */
export interface Sizes {
  policyOf(request: AvatarRequest): SizePolicy | Promise<SizePolicy>;
}

/** Where a user's original is. Keys are tried in order, each through every store. */
export type Whereabouts =
  | { readonly kind: 'at'; readonly keys: readonly string[]; readonly lastModified?: Date }
  /** This upload is not the user's, but `id` is: the client is sent there. */
  | { readonly kind: 'moved'; readonly id: string }
  | { readonly kind: 'missing' };

export interface Locator {
  /** @throws AvatarError `directory_unavailable`, when whom to ask cannot be reached. */
  locate(request: AvatarRequest, signal: AbortSignal): Promise<Whereabouts>;
}

/** One object as a store holds it, read whole. */
export type Original = {
  /** Names these very bytes for logs and for remembering verdicts: store, key and entity tag. */
  readonly identity: string;
  readonly bytes: Buffer;
  /** Opaque, without quotes; changes when the bytes do. */
  readonly etag: string;
  readonly lastModified: Date;
  /**
   * Gives the memory of `bytes` back; undefined when there are other readers. To be called after a success
   * only: after a failure, work that was called off may still use them.
   */
  readonly release?: () => void;
  /**
   * To be called when the reader needs `bytes` no more, after a failure too: until then they count towards
   * the memory that all originals may take.
   */
  readonly done?: () => void;
};

/** The result of a read: undefined when nothing is there, 'unchanged' when `ifNoneMatch` still holds. */
export type Found = Original | 'unchanged' | undefined;

export type ReadOptions = {
  readonly signal: AbortSignal;
  /** The entity tag of a copy somebody has: the store answers 'unchanged' when it still holds. */
  readonly ifNoneMatch?: string | undefined;
  /** How long each store is waited for. By default the last one is waited for until `signal` aborts. */
  readonly patienceMs?: number | undefined;
  /** The turn in which the read waits, where there are too many at once. */
  readonly turn?: Turn | undefined;
};

/** Originals, wherever they are. */
export interface Originals {
  /**
   * The original under the first of the keys that exists.
   * @returns undefined when there is none
   * @throws AvatarError `originals_*` or `original_too_large`
   */
  read(keys: readonly string[], options: ReadOptions): Promise<Found>;
}

/** An original that may be decoded: its header was read, and what is dangerous in it is gone. */
export type InspectedOriginal = {
  /** The bytes for the decoder, which are not always those of the store. */
  readonly bytes: Buffer;
  readonly format: OriginalFormat;
  /** In pixels, before orientation. */
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  /** How many bytes of memory decoding is expected to hold. */
  readonly decodedBytes: number;
  /** Whether its colours have more than 8 bits a channel; default: no. */
  readonly isDeep?: boolean | undefined;
  /** All of its frames, where there are several and keeping them is allowed. */
  readonly motion?: Motion | undefined;
};

export type Motion = {
  /** The bytes for a decoder that shows all frames. */
  readonly bytes: Buffer;
  readonly decodedBytes: number;
};

export interface Inspector {
  /** @throws AvatarError `original_*`, when no decoder should see these bytes. */
  inspect(bytes: Buffer): InspectedOriginal;
}

/** Vector originals, which nobody here draws: they are passed on as they are, or not at all. */
export interface Vectors {
  accepts(bytes: Buffer): boolean;
}

/** Renderers are shared out fairly by whose turn it is. */
export type RenderJob = Turn & {
  readonly original: InspectedOriginal;
  readonly size: number;
  readonly format: Format;
  /** Names the picture, which is blamed when a renderer dies over it: `Original.identity`. */
  readonly identity: string;
  /** When the answer is due, on the clock of `performance.now()`. */
  readonly dueAt: number;
  /** Called when the wait for a renderer is over. */
  readonly onTurn?: () => void;
};

export type LetterJob = Omit<Turn, 'user'> & {
  readonly letter: LetterRequest;
  readonly format: Format;
  readonly dueAt: number;
  readonly onTurn?: () => void;
};

export interface Renderer {
  /**
   * A place in the queue, kept while the original is read: a read that ends in a refusal is wasted.
   * @throws AvatarError `overloaded`, when a render that was wanted now could only be late
   */
  reserve(turn: Turn, dueAt: number): Disposable;
  /**
   * Decodes, crops to a square, scales and encodes.
   * @throws AvatarError `original_corrupt`, `original_quarantined`, `animation_too_slow`,
   *   `render_timeout`, `overloaded`
   */
  render(job: RenderJob, signal: AbortSignal): Promise<Buffer>;
  /**
   * Draws a letter avatar.
   * @throws AvatarError `render_timeout`, `overloaded`, `internal`
   */
  draw(job: LetterJob, signal: AbortSignal): Promise<Buffer>;
}

/** One finished picture, in one size and format. */
export type Variant = {
  readonly bytes: Buffer;
  readonly format: VariantFormat;
  /** Strong and opaque, without quotes. */
  readonly etag: string;
  readonly lastModified: Date;
  /** Cached briefly and never stored in the bucket: the next one made may be better. */
  readonly isProvisional?: boolean;
};

export interface VariantCache {
  get(key: string): Variant | undefined;
  /** @param forMs after which it is forgotten; default: when there is no room for it any more */
  set(key: string, variant: Variant, forMs?: number): void;
}

/** A variant in the shared store, with the format asked for, which may be "the original's own". */
export type SharedVariant = Variant & { readonly asked: AskedFormat };

export type StoredVariant = {
  /** Undefined when what is there cannot be used: damaged, too large, or none of ours. */
  readonly variant: SharedVariant | undefined;
  /** Names this very copy, so that no other is replaced in its place. */
  readonly version: string;
};

/** How a copy that was found was used: served as verified, served unverified, or not at all. */
export type SharedUse = 'hit' | 'unverified' | 'stale';

/** The variants that all instances share. In trouble it answers as if it were empty: no request fails. */
export interface SharedVariants {
  /** @throws nothing but the signal's reason */
  read(key: string, turn: Turn, signal: AbortSignal): Promise<StoredVariant | undefined>;
  /**
   * Returns at once; what is not kept after all is no loss.
   * @param instead the version to replace; default: only where there is nothing yet
   */
  keep(key: string, variant: SharedVariant, instead: string | undefined): void;
  used(use: SharedUse): void;
}
