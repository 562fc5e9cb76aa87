/**
 * The short way for an address that was answered before and whose picture is still in memory: straight
 * from Node's server to the reply, ahead of the router. A forum's pages ask for little else, and here a
 * hit costs about half of what it does by the long way: no routing, no parsing, no objects of Fastify,
 * headers and log line prepared once. What is sent is the same; a test compares the two.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { Wish } from '../avatar/format-choice.ts';
import type { Variant, VariantCache } from '../avatar/ports.ts';
import { isUnchanged } from './conditional.ts';
import { CACHE_STATUS, type PictureHeaders, VARY } from './headers.ts';
import type { Negotiation } from './negotiation.ts';

/** Told of each hit: one line of the log, one count. */
export interface HitRecorder {
  /** What is the same for all hits of one address, prepared. */
  prepare(path: string, picture: HitPicture): HitLine;
}

/** What a hit shows; stand-ins, which change soon, take the long way. */
export type HitPicture = 'avatar' | 'letter';

export type HitLine = (
  request: IncomingMessage,
  status: 200 | 304,
  variant: Variant,
  ms: number,
) => void;

/** What was sent: under which key it is in memory, and what it shows. */
type Sent = { readonly key: string; readonly picture: HitPicture };

type Known = {
  /** One for all, or by what the client wishes for. */
  readonly key: string | Map<Wish, string>;
  readonly record: HitLine;
};

/** Names and values in turns, as Node sends them without looking twice. */
type Prepared = { readonly whole: string[]; readonly unchanged: string[] };

const MOST_KNOWN = 20_000;
/** What they take together, with all that is prepared: half a kilobyte each, of the usual length. */
const MOST_BYTES = 10e6;
/** Of an address beside the two texts it is in. */
const OVERHEAD_BYTES = 360;
/** A picture has any number of longer ones, which only who wants to fill this memory asks for. */
const LONGEST_KNOWN = 300;

export class HitPath {
  readonly #variants: VariantCache;
  readonly #headers: PictureHeaders;
  readonly #recorder: HitRecorder;
  readonly #negotiation: Negotiation;
  readonly #known = new LRUCache<string, Known>({
    max: MOST_KNOWN,
    maxSize: MOST_BYTES,
    sizeCalculation: (_known, target) => OVERHEAD_BYTES + 2 * target.length,
  });
  /** Weak: the cache decides how long a picture is kept. */
  readonly #prepared = new WeakMap<Variant, Prepared>();
  /** As above, with `Vary`. */
  readonly #preparedToVary = new WeakMap<Variant, Prepared>();

  constructor(
    variants: VariantCache,
    headers: PictureHeaders,
    recorder: HitRecorder,
    negotiation: Negotiation,
  ) {
    this.#variants = variants;
    this.#headers = headers;
    this.#recorder = recorder;
    this.#negotiation = negotiation;
  }

  /**
   * @param target as it was sent
   * @param wish of the client, where it decides
   */
  remember(target: string, { key, picture }: Sent, wish?: Wish): void {
    // With a query it is the same picture, but anybody can make up queries without end.
    if (target.length > LONGEST_KNOWN || target.includes('?')) return;
    const known = this.#known.get(target);
    if (known === undefined) {
      const keys = wish === undefined ? key : new Map([[wish, key]]);
      const record = this.#recorder.prepare(target, picture);
      this.#known.set(target, { key: keys, record });
    } else if (wish !== undefined && typeof known.key !== 'string') {
      known.key.set(wish, key);
    }
  }

  /** @returns whether the reply has been sent */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const { method, url } = request;
    if (method !== 'GET' && method !== 'HEAD') return false;
    const known = url === undefined ? undefined : this.#known.get(url);
    if (known === undefined) return false;
    const varies = typeof known.key !== 'string';
    const key = varies
      ? known.key.get(this.#negotiation.wishOf(request.headers.accept))
      : known.key;
    const variant = key === undefined ? undefined : this.#variants.get(key);
    if (variant === undefined) return false;

    const startedAt = performance.now();
    const { whole, unchanged } = this.#headersOf(variant, varies);
    if (isUnchanged(request.headers, variant)) {
      response.writeHead(304, unchanged).end();
      known.record(request, 304, variant, performance.now() - startedAt);
    } else {
      // Node itself leaves the body out of replies to HEAD.
      response.writeHead(200, whole).end(variant.bytes);
      known.record(request, 200, variant, performance.now() - startedAt);
    }
    return true;
  }

  #headersOf(variant: Variant, varies: boolean): Prepared {
    const prepared = varies ? this.#preparedToVary : this.#prepared;
    let headers = prepared.get(variant);
    if (headers === undefined) {
      const own = { 'cache-status': CACHE_STATUS.memory, ...(varies && VARY) };
      headers = {
        whole: flat({ ...own, ...this.#headers.ofVariant(variant) }),
        unchanged: flat({ ...own, ...this.#headers.ofUnchanged(variant) }),
      };
      prepared.set(variant, headers);
    }
    return headers;
  }
}

function flat(headers: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => [name, String(value)]);
}
