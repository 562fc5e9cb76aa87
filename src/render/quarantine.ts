import { LRUCache } from 'lru-cache';
import { AvatarError } from '../errors.ts';

const STRIKES = 2;
const HELD_MS = 3_600_000;
/** Short, since the picture may be as good as any; but whoever asks again and again must not cost two renderers each time. */
const SPARED_MS = 30_000;
const MOST_REMEMBERED = 10_000;

/**
 * Remembers which pictures killed renderers: twice in a row, and they are refused for an hour. Where the kernel
 * killed those for want of memory, that is for half a minute, and no verdict on the picture.
 */
export class Quarantine {
  readonly #strikes = new LRUCache<string, number>({ max: MOST_REMEMBERED, ttl: HELD_MS });

  readonly #spared = new LRUCache<string, number>({ max: MOST_REMEMBERED, ttl: SPARED_MS });

  /** @returns true when the picture is refused from this strike on */
  strike(identity: string): boolean {
    const strikes = (this.#strikes.get(identity) ?? 0) + 1;
    this.#strikes.set(identity, strikes);
    return strikes === STRIKES;
  }

  /** A renderer was killed over it because the machine has no memory. */
  spare(identity: string): void {
    this.#spared.set(identity, (this.#spared.get(identity) ?? 0) + 1);
  }

  /** Notes that the picture may be to blame, which is no strike yet. */
  suspect(identity: string): void {
    this.#strikes.set(identity, this.#strikes.get(identity) ?? 0);
  }

  suspects(identity: string): boolean {
    return this.#strikes.has(identity);
  }

  /** It was rendered after all: the renderers before died of something else. */
  absolve(identity: string): void {
    this.#strikes.delete(identity);
    this.#spared.delete(identity);
  }

  /** @throws AvatarError `original_quarantined`; `internal`, which nobody keeps, where memory is what lacks */
  check(identity: string): void {
    const strikes = this.#strikes.get(identity) ?? 0;
    if (strikes >= STRIKES) {
      throw new AvatarError('original_quarantined', {
        detail: `${identity} has killed ${strikes} renderers and is refused for an hour`,
      });
    }
    if ((this.#spared.get(identity) ?? 0) >= STRIKES) {
      throw new AvatarError('internal', {
        detail: `there is no memory for ${identity}: the kernel has killed two renderers over it, and it is tried again in half a minute`,
      });
    }
  }
}
