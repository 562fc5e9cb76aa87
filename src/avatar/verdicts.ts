import { LRUCache } from 'lru-cache';
import { AvatarError, type FaultCode } from '../errors.ts';

/** Bounds, with the bytes, what a flood of distinct missing avatars can take. */
const MOST_REMEMBERED = 20_000;
/** What they take together: anybody can make up names of a kilobyte, and the detail has them once a key. */
const MOST_BYTES = 15e6;
/** Of a verdict beside its texts, of which a character takes two bytes at most. Measured. */
const OVERHEAD_BYTES = 350;

/** The error itself is not kept: its stack and its cause are kilobytes that nobody will read. */
type Verdict = { readonly code: FaultCode; readonly detail: string | undefined };

/**
 * Remembers verdicts ("missing", "damaged") for a while, so that asking again costs neither a read
 * nor a decode. Only verdicts: a failure of ours is never remembered as one of theirs.
 */
export class Verdicts {
  readonly #verdicts = new LRUCache<string, Verdict>({
    max: MOST_REMEMBERED,
    maxSize: MOST_BYTES,
    sizeCalculation: ({ detail = '' }, name) => OVERHEAD_BYTES + 2 * (name.length + detail.length),
  });

  /** Remembers the error if it is a verdict; other errors are ignored. */
  remember(name: string, error: unknown, forMs: number): void {
    if (!(error instanceof AvatarError) || !error.isVerdict) return;
    const { code, detail } = error;
    this.#verdicts.set(name, { code, detail }, { ttl: forMs });
  }

  /** @throws AvatarError the verdict that still stands for this name, if there is one */
  check(name: string): void {
    const verdict = this.#verdicts.get(name);
    if (verdict === undefined) return;
    const { code, detail } = verdict;
    throw new AvatarError(code, detail === undefined ? {} : { detail });
  }

  /**
   * Does the work unless there is a verdict, and remembers the one it ends with.
   * @throws AvatarError that verdict; whatever the work throws
   */
  async guard<Result>(name: string, forMs: number, work: () => Promise<Result>): Promise<Result> {
    this.check(name);
    try {
      return await work();
    } catch (error) {
      this.remember(name, error, forMs);
      throw error;
    }
  }
}
