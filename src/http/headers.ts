/** The headers of each kind of reply, in one place. */
import type { WhyElsewhere } from '../avatar/answer.ts';
import type { Variant } from '../avatar/ports.ts';
import { isVerdictStatus } from '../errors.ts';
import { mediaType } from '../vocabulary/formats.ts';

const CACHE_CONTROL = {
  /** The address names an upload, which never changes. */
  variant: 'public, max-age=31536000, immutable',
  /**
   * Verdicts: the request or the original is at fault, and will be for a while. And pictures in place of
   * better ones.
   */
  verdict: 'public, max-age=600',
  failure: 'no-store',
} as const;

/**
 * Sizes are a setting. Which upload is the current one may be different a second later, and be the one
 * asked for: of two that were each kept as a redirect to the other, nobody would ever get out. Said, for
 * a cache may make up a time where there is none, and NGINX shows what it kept once more after its time.
 */
const REDIRECT_CONTROL: Readonly<Record<WhyElsewhere, string>> = {
  size: 'public, max-age=3600',
  upload: 'no-cache',
};

/** Anybody may show an avatar; nobody may take it for anything else. */
const SHARED = {
  'access-control-allow-origin': '*',
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff',
} as const;

/** On whatever could have been another picture for another client. */
export const VARY = { vary: 'Accept' } as const;

export type Headers = Readonly<Record<string, string | number>>;

/** What differs between the forums whose addresses are served. */
export type ReplyStyle = {
  readonly variantCacheControl: string;
  /** On every picture, and what leads to one. */
  readonly extra: Headers;
};

export const PLAIN_STYLE: ReplyStyle = { variantCacheControl: CACHE_CONTROL.variant, extra: {} };

/** An SVG is a document: shown in its own window it must not act as this site. */
const VECTOR = {
  'content-disposition': 'attachment; filename="avatar.svg"',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
} as const;

const BRIEFLY = { 'cache-control': CACHE_CONTROL.verdict } as const;

/** The headers of pictures, prepared once for each and kept as long as it is. */
export class PictureHeaders {
  readonly #style: ReplyStyle;
  readonly #prepared = new WeakMap<Variant, Headers>();

  constructor(style: ReplyStyle) {
    this.#style = style;
  }

  /** All but Cache-Status, which tells how this very reply came about. */
  ofVariant(variant: Variant): Headers {
    let headers = this.#prepared.get(variant);
    if (headers === undefined) {
      headers = { ...describe(variant), ...this.ofUnchanged(variant) };
      this.#prepared.set(variant, headers);
    }
    return headers;
  }

  ofRedirect(location: string, because: WhyElsewhere): Headers {
    return {
      location,
      // Without it Node would send the nothing of GET in chunks, and HEAD without that header.
      'content-length': 0,
      'cache-control': REDIRECT_CONTROL[because],
      ...SHARED,
      ...this.#style.extra,
    };
  }

  /** Of a 304: what a cache needs to freshen its copy (RFC 9110, section 15.4.5). */
  ofUnchanged({ etag, isProvisional = false }: Pick<Variant, 'etag' | 'isProvisional'>): Headers {
    const { variantCacheControl, extra } = this.#style;
    const cacheControl = isProvisional ? CACHE_CONTROL.verdict : variantCacheControl;
    return { etag: `"${etag}"`, 'cache-control': cacheControl, ...SHARED, ...extra };
  }

  /** In place of an avatar: soon there may be one. */
  ofStandIn(variant: Variant): Headers {
    return { ...this.ofVariant(variant), ...BRIEFLY };
  }

  ofUnchangedStandIn(etag: string): Headers {
    return { ...this.ofUnchanged({ etag }), ...BRIEFLY };
  }
}

function describe({ format, bytes, lastModified }: Variant): Headers {
  return {
    'content-type': mediaType(format),
    'content-length': bytes.byteLength,
    // Never later than the reply itself (RFC 9110, section 8.8.2.1), as clocks of stores may have it.
    'last-modified': new Date(Math.min(lastModified.getTime(), Date.now())).toUTCString(),
    ...(format === 'svg' && VECTOR),
  };
}

export function problemHeaders(status: number, retryAfterSeconds?: number): Headers {
  return {
    'content-type': 'application/problem+json',
    'cache-control': isVerdictStatus(status) ? CACHE_CONTROL.verdict : CACHE_CONTROL.failure,
    ...SHARED,
    ...(status === 503 && { 'retry-after': retryAfterSeconds ?? 1 }),
  };
}

/**
 * How this reply came about (RFC 9211). All instances' memory and the store they share are one cache
 * here; what is from the store was validated with the original, which is no hit (section 2.1), unless
 * there was nobody to ask.
 */
export const CACHE_STATUS = {
  memory: 'avatar-proxy; hit',
  shared: 'avatar-proxy; fwd=stale; fwd-status=304; stored; detail=shared',
  unverified: 'avatar-proxy; hit; detail=shared',
  rendered: 'avatar-proxy; fwd=uri-miss; stored',
  joined: 'avatar-proxy; fwd=uri-miss; collapsed; stored',
  unchanged: 'avatar-proxy; fwd=uri-miss; fwd-status=304',
} as const;
