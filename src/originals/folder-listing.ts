/** The files of a folder as if it were a bucket, for the command line. */
import { type Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AvatarError } from '../errors.ts';
import type { ListedObject, Listing } from '../vocabulary/keys.ts';
import { compareKeys } from './listing.ts';

export function createFolderListing(directory: string): Listing {
  const folder = resolve(directory);
  const name = `file:${folder}`;

  /** @param path of a folder below: empty, or ends with a slash */
  async function* walk(
    path: string,
    prefix: string,
    after: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<ListedObject> {
    signal.throwIfAborted();
    for (const entry of await entriesOf(folder, path)) {
      const key = path + entry;
      if (key.endsWith('/')) {
        const mayHold = key.startsWith(prefix) || prefix.startsWith(key);
        const isOver = after !== undefined && compareKeys(key, after) < 0 && !after.startsWith(key);
        if (mayHold && !isOver) yield* walk(key, prefix, after, signal);
      } else if (key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0)) {
        const lastModified = await dateOf(join(folder, key));
        if (lastModified !== undefined) yield { key, lastModified };
      }
    }
  }

  return {
    name,
    list: (prefix, after, signal) => walk('', prefix, after, signal),
    close() {
      // Nothing is held.
    },
  };
}

/** In the order of whole keys: a folder comes where its name with a slash does. */
async function entriesOf(folder: string, path: string): Promise<string[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(join(folder, path), { withFileTypes: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AvatarError('originals_unavailable', {
      detail: `${join(folder, path)} cannot be listed (${reason}): check the mount and the rights`,
      cause,
    });
  }
  const names = entries.flatMap((entry) => {
    if (entry.isDirectory()) return [`${entry.name}/`];
    return entry.isFile() || entry.isSymbolicLink() ? [entry.name] : [];
  });
  return names.toSorted(compareKeys);
}

/** @returns undefined for what has gone since, or is no file after all */
async function dateOf(file: string): Promise<Date | undefined> {
  const stats = await stat(file).catch(() => undefined);
  return stats?.isFile() === true ? stats.mtime : undefined;
}
