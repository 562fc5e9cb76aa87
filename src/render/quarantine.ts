import { LRUCache } from 'lru-cache';
import { AvatarError } from '../errors.ts';

const STRIKES = 2;
const HELD_MS = 3_600_000;
const MOST_REMEMBERED = 10_000;

/** Remembers which pictures killed renderers: twice in a row, and they are refused for an hour. */
export class Quarantine {
  readonly #strikes = new LRUCache<string, number>({ max: MOST_REMEMBERED, ttl: HELD_MS });

  /** @returns true when the picture is refused from this strike on */
  strike(identity: string): boolean {
    const strikes = (this.#strikes.get(identity) ?? 0) + 1;
    this.#strikes.set(identity, strikes);
    return strikes === STRIKES;
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
  }

  /** @throws AvatarError `original_quarantined` */
  check(identity: string): void {
    const strikes = this.#strikes.get(identity) ?? 0;
    if (strikes >= STRIKES) {
      throw new AvatarError('original_quarantined', {
        detail: `${identity} has killed ${strikes} renderers and is refused for an hour`,
      });
    }
  }
}
