import type { Original } from '../avatar/ports.ts';

type Entry = Omit<Original, 'bytes'> & {
  /** Where its bytes begin, counted over all rounds. */
  readonly from: number;
  readonly length: number;
  readonly readAt: number;
};

/**
 * The sizes of a fresh avatar are asked for within seconds. Kept for longer, an original would be served
 * after it was replaced under its name. The memory holds five photos of a phone or a hundred usual avatars, where the process may
 * be large.
 */
export const RECENT_ORIGINALS = { bytes: 16 * 1024 * 1024, keepMs: 15_000 } as const;

/** Room for two of the largest that Discourse lets users upload by default. */
const LEAST_BYTES = 8 * 1024 * 1024;

/** @returns how much memory to give them in a process whose variants may take so much */
export function recentBytesBeside(variantBytes: number): number {
  return Math.min(RECENT_ORIGINALS.bytes, Math.max(LEAST_BYTES, variantBytes / 8));
}

/** How many fit at two kilobytes each. With smaller ones there would be more names than bytes. */
const MOST_ENTRIES = 8192;

/** One original may take this share of the memory: a larger one would drive out all others. */
const LARGEST_SHARE = 0.5;

/**
 * Originals just read, in one piece of memory that is written round and round, the oldest first to be
 * written over. Copies go in and copies come out. Kept as buffers of their own they would outlive V8's
 * young generation, and then only a full collection frees them: one for every dozen misses, with a pause
 * that hits feel.
 */
export class RecentOriginals {
  readonly #memory: Buffer;
  readonly #keepMs: number;
  /** The oldest first. */
  readonly #entries = new Map<string, Entry>();
  /** Where the next original begins, counted over all rounds. */
  #next = 0;

  /** @param bytes of which only what was once used is really taken */
  constructor(bytes: number, keepMs: number) {
    this.#memory = Buffer.allocUnsafeSlow(bytes);
    this.#keepMs = keepMs;
  }

  /** The tag and the length of an original that is here. */
  find(name: string): Pick<Entry, 'etag' | 'length'> | undefined {
    return this.#fresh(name);
  }

  get(name: string): Original | undefined {
    const entry = this.#fresh(name);
    if (entry === undefined) return undefined;
    const { from, length, identity, etag, lastModified } = entry;
    const bytes = Buffer.allocUnsafeSlow(length);
    const at = from % this.#memory.length;
    this.#memory.copy(bytes, 0, at, at + length);
    return { identity, bytes, etag, lastModified };
  }

  set(name: string, { bytes, identity, etag, lastModified }: Original): void {
    this.#entries.delete(name);
    const { length } = bytes;
    if (length > this.#memory.length * LARGEST_SHARE) return;
    const from = this.#makeRoom(length);
    bytes.copy(this.#memory, from % this.#memory.length);
    const readAt = performance.now();
    this.#entries.set(name, { identity, etag, lastModified, from, length, readAt });
  }

  #fresh(name: string): Entry | undefined {
    const entry = this.#entries.get(name);
    return entry !== undefined && this.#isFresh(entry) ? entry : undefined;
  }

  #isFresh({ readAt }: Entry): boolean {
    return performance.now() - readAt <= this.#keepMs;
  }

  /** @returns where so many bytes in one piece are free now */
  #makeRoom(length: number): number {
    const round = this.#memory.length;
    const leftOfRound = round - (this.#next % round);
    const from = length > leftOfRound ? this.#next + leftOfRound : this.#next;
    this.#next = from + length;
    for (const [name, entry] of this.#entries) {
      const isWrittenOver = entry.from < this.#next - round;
      const hasPlace = this.#entries.size < MOST_ENTRIES;
      if (!isWrittenOver && hasPlace && this.#isFresh(entry)) break;
      this.#entries.delete(name);
    }
    return from;
  }
}
