import type { Found, ReadOptions } from '../avatar/ports.ts';

/** The options of a read of one store. Turns and patience are the affair of the layers above. */
export type StoreReadOptions = Pick<ReadOptions, 'signal' | 'ifNoneMatch'> & {
  /** Called by a store before it reads so many bytes: resolves when there is memory for them. */
  readonly claim?: ((bytes: number, signal: AbortSignal) => Promise<void>) | undefined;
};

/** One place of originals. */
export interface OriginalStore {
  /** For logs and metrics: `s3://bucket/prefix`, `file:…`. Never sent to a client. */
  readonly name: string;
  /**
   * Reads one object, in one request to the store.
   * @returns undefined when there is no such object
   * @throws AvatarError `originals_*` or `original_too_large`
   */
  read(key: string, options: StoreReadOptions): Promise<Found>;
  /** Resolves when the store can be reached with what is configured; else throws as `read` does. */
  probe(signal: AbortSignal): Promise<void>;
  close(): void;
}
