import { AvatarError } from '../errors.ts';

/** What ends within the deadline, or is ended: since it was begun, or since it was called off. */
type Watched = { readonly oldestMs: number };

/**
 * Whether this process does its work. Everything has a deadline, and something that ends it then: what is
 * still there after twice that time shows that neither works, and that a restart is what helps.
 */
export class Liveness {
  readonly #watched: Readonly<Record<string, Watched>>;
  readonly #limitMs: number;

  /** @param watched by what it is, for the log */
  constructor(watched: Readonly<Record<string, Watched>>, deadlineMs: number) {
    this.#watched = watched;
    this.#limitMs = 2 * deadlineMs;
  }

  /** @throws AvatarError `stuck` */
  check(): void {
    for (const [what, { oldestMs }] of Object.entries(this.#watched)) {
      if (oldestMs <= this.#limitMs) continue;
      const detail = `a ${what} has been under way for ${Math.round(oldestMs)} ms, and nothing ends it: restart this instance`;
      throw new AvatarError('stuck', { detail, retryAfterSeconds: 10 });
    }
  }
}
