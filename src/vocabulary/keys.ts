/** Keys: what the objects of a store are found by. */

export type ListedObject = { readonly key: string; readonly lastModified: Date };

/**
 * One store's keys, in the order of their UTF-8 bytes, which is S3's: for going over all originals, which
 * the service itself never does.
 */
export interface Listing {
  /** As the store is called in logs. */
  readonly name: string;
  /**
   * The keys that begin with `prefix` and come after `after`.
   * @throws AvatarError `originals_*`
   */
  list(prefix: string, after: string | undefined, signal: AbortSignal): AsyncIterable<ListedObject>;
  close(): void;
}

/**
 * Whether each segment of a key is a name: none is empty, `.` or `..`, which a file system, a proxy or a
 * client on the way would resolve, and then ask for something else.
 */
export function hasPlainSegments(key: string): boolean {
  return key.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}
