import type { SharedVariant, StoredVariant } from '../avatar/ports.ts';

type PutOptions = {
  /** The version to replace; default: only where there is nothing yet. */
  readonly instead?: string | undefined;
  readonly signal: AbortSignal;
};

/** A copy without its bytes. */
type StoredDescription = {
  readonly variant: Omit<SharedVariant, 'bytes'> | undefined;
  readonly version: string;
};

/** A place where finished variants are kept for all instances. */
export interface VariantStore {
  /** For logs: `s3://bucket/prefix`. */
  readonly name: string;
  /**
   * Reads one variant, in one request.
   * @returns undefined when there is none
   * @throws AvatarError when the store is in trouble; the signal's reason
   */
  read(key: string, signal: AbortSignal): Promise<StoredVariant | undefined>;
  /** Tells what is there, without its bytes. Throws as `read` does. */
  describe(key: string, signal: AbortSignal): Promise<StoredDescription | undefined>;
  /**
   * Keeps one variant.
   * @returns 'conflict' when somebody else has put one there: theirs is as good
   * @throws AvatarError when the store is in trouble; the signal's reason
   */
  put(key: string, variant: SharedVariant, options: PutOptions): Promise<'stored' | 'conflict'>;
  /**
   * Whether variants may be put, found out without keeping one.
   * @returns 'kept' by a server that does not check what it is sent: there is an object now
   * @throws AvatarError as `put` does; the signal's reason
   */
  tryToPut(key: string, signal: AbortSignal): Promise<'refused' | 'kept'>;
  /** Resolves when the store can be reached with what is configured; else throws as `read` does. */
  probe(signal: AbortSignal): Promise<void>;
  close(): void;
}
