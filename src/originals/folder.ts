/** Originals in a folder of this machine: for development, small sites and network file systems. */
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, opendir, realpath } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import type { Found } from '../avatar/ports.ts';
import { AvatarError, codeOf } from '../errors.ts';
import { orAbort } from '../flow/abort.ts';
import { hasPlainSegments } from '../vocabulary/keys.ts';
import type { OriginalStore, StoreReadOptions } from './store.ts';

type FolderSettings = {
  readonly directory: string;
  /** Larger files are refused before a byte of them is read. */
  readonly maxBytes: number;
};

/**
 * A key is the relative path of a file, in segments without `.` and `..`. Whatever the key and
 * whatever symbolic links are in the folder, nothing outside of it is read.
 *
 * Files should be put in place by renaming: one that is written where it is read can be read half.
 */
export function createFolderStore(settings: FolderSettings): OriginalStore {
  const { directory, maxBytes } = settings;
  const folder = resolve(directory);
  const name = `file:${folder}`;
  const place = new RealPlace(folder);

  async function readUnder(
    segments: readonly string[],
    key: string,
    { signal, ifNoneMatch, claim }: StoreReadOptions,
  ): Promise<Found> {
    const root = await place.now();
    const target = await realpath(join(root, ...segments));
    if (!isInside(root, target)) return undefined;
    signal.throwIfAborted();
    const file = await open(target, FLAGS);
    try {
      const before = await file.stat({ bigint: true });
      if (!before.isFile()) return undefined;
      const etag = etagOf(before);
      if (etag === ifNoneMatch) return 'unchanged';
      if (before.size > maxBytes) {
        throw new AvatarError('original_too_large', {
          detail: `${target} has ${before.size} bytes; AVATAR_MAX_ORIGINAL_MB allows ${maxBytes}`,
        });
      }
      const length = Number(before.size);
      await claim?.(length, signal);
      const bytes = await readWhole(file, Buffer.allocUnsafeSlow(length), signal);
      // A CDN would keep for a year what is rendered from half a file.
      if (etagOf(await file.stat({ bigint: true })) !== etag) {
        throw new AvatarError('originals_unavailable', {
          detail: `${target} was changed while it was read: put files in place by renaming`,
          retryAfterSeconds: 1,
        });
      }
      return { identity: `${name}/${key}@${etag}`, bytes, etag, lastModified: before.mtime };
    } finally {
      await file.close();
    }
  }

  return {
    name,
    async read(key, options) {
      options.signal.throwIfAborted();
      const segments = segmentsOf(key);
      if (segments === undefined) return undefined;
      try {
        return await orAbort(readUnder(segments, key, options), options.signal);
      } catch (thrown) {
        options.signal.throwIfAborted();
        if (!MEANS_MISSING.has(codeOf(thrown))) throw explainFile(thrown, folder, key);
        // A file that is not there, or the whole folder since it was last looked for?
        await orAbort(realRoot(folder), options.signal);
        return undefined;
      }
    },
    async probe(signal) {
      await orAbort(checkReadable(folder), signal);
    },
    close() {
      // Nothing is held between reads.
    },
  };
}

// Without O_NONBLOCK, opening a FIFO waits for a writer that may never come; O_NOFOLLOW because
// the path has just been resolved, so that a link there now is one put in since.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A folder swapped for another one is seen after this. */
const PLACE_KNOWN_MS = 1000;

/** No such file, or something there that is none: sockets give ENXIO. */
const MEANS_MISSING = new Set<string | undefined>([
  'ENOENT',
  'ENOTDIR',
  'ENAMETOOLONG',
  'ELOOP',
  'ENXIO',
  'ENODEV',
]);

/** Where a folder really is: a link may be turned to another one, but not for every read. */
class RealPlace {
  readonly #folder: string;
  #path = '';
  #knownUntil = -Infinity;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws AvatarError as `realRoot` does */
  async now(): Promise<string> {
    if (performance.now() > this.#knownUntil) {
      this.#path = await realRoot(this.#folder);
      this.#knownUntil = performance.now() + PLACE_KNOWN_MS;
    }
    return this.#path;
  }
}

async function realRoot(folder: string): Promise<string> {
  try {
    // The dot makes the system insist on a folder; resolve() and join() would drop it.
    return await realpath(`${folder}${sep}.`);
  } catch (cause) {
    throw explainFolder(cause, folder);
  }
}

async function checkReadable(folder: string): Promise<void> {
  const root = await realRoot(folder);
  try {
    // Not access(): that asks for the real user, who need not be the effective one.
    const listing = await opendir(root);
    await listing.close();
  } catch (cause) {
    throw explainFolder(cause, folder);
  }
}

/** @returns undefined for what is no normalised relative path, and hence no file's key */
function segmentsOf(key: string): readonly string[] | undefined {
  // A lone surrogate would become U+FFFD on its way to the system: another file's name.
  if (/[\0\\]/.test(key) || !key.isWellFormed()) return undefined;
  return hasPlainSegments(key) ? key.split('/') : undefined;
}

function isInside(root: string, target: string): boolean {
  return target.startsWith(root.endsWith(sep) ? root : `${root}${sep}`);
}

/** Made of time and size alone, so that copies of a folder on several machines agree. */
function etagOf({ mtimeNs, size }: BigIntStats): string {
  return `${mtimeNs.toString(16)}-${size.toString(16)}`;
}

async function readWhole(file: FileHandle, bytes: Buffer, signal: AbortSignal): Promise<Buffer> {
  let filled = 0;
  while (filled < bytes.length) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

function explainFolder(cause: unknown, folder: string): AvatarError {
  if (MEANS_MISSING.has(codeOf(cause))) {
    return new AvatarError('originals_bucket_missing', {
      detail: `there is no folder ${folder}: mount it, or correct file: in AVATAR_ORIGINALS`,
      cause,
    });
  }
  return explainFile(cause, folder, '');
}

function explainFile(cause: unknown, folder: string, key: string): AvatarError {
  if (cause instanceof AvatarError) return cause;
  const code = codeOf(cause);
  if (code === 'EACCES' || code === 'EPERM') {
    return new AvatarError('originals_access_denied', {
      detail: `${join(folder, key)} may not be read (${code}): give this process's user read access to files, and search access to the folders above`,
      cause,
    });
  }
  return new AvatarError('originals_unavailable', {
    detail: `${join(folder, key)} cannot be read (${code ?? String(cause)}): check the disk, the mount, and the limit of open files`,
    cause,
    retryAfterSeconds: 1,
  });
}
