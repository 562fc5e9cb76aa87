import { LRUCache } from 'lru-cache';
import type { Wish } from '../avatar/format-choice.ts';
import type { Extension, NegotiableFormat } from '../vocabulary/formats.ts';
import { LONGEST_ACCEPT, preferredFormat } from './accept.ts';

/** All browsers together send a few dozen; half a megabyte when somebody makes them up. */
const MOST_HEADERS = 500;

/** Which addresses have a picture in several formats, and which of these a client wishes for. */
export class Negotiation {
  readonly #offered: readonly NegotiableFormat[];
  readonly #wishes = new LRUCache<string, Wish>({ max: MOST_HEADERS });

  /** @param offered in the order of preference; none turns negotiation off */
  constructor(offered: readonly NegotiableFormat[]) {
    this.#offered = offered;
  }

  isAbout({ extension }: { readonly extension: Extension }): boolean {
    return extension === 'png' && this.#offered.length > 0;
  }

  wishOf(accept: string | undefined): Wish {
    if (accept === undefined || accept.length > LONGEST_ACCEPT) return 'none';
    let wish = this.#wishes.get(accept);
    if (wish === undefined) {
      wish = preferredFormat(accept, this.#offered);
      this.#wishes.set(accept, wish);
    }
    return wish;
  }
}
