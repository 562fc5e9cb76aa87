/** What an address can end in. */
const STILL = {
  png: { mediaType: 'image/png' },
  jpg: { mediaType: 'image/jpeg' },
  webp: { mediaType: 'image/webp' },
  avif: { mediaType: 'image/avif' },
  gif: { mediaType: 'image/gif' },
} as const satisfies Record<string, { mediaType: `image/${string}` }>;

export type Extension = keyof typeof STILL;

/** The same formats moving, which have names of their own in keys and entity tags. */
const MOVING = {
  awebp: { mediaType: 'image/webp', still: 'webp' },
  agif: { mediaType: 'image/gif', still: 'gif' },
} as const satisfies Record<string, { mediaType: `image/${string}`; still: Extension }>;

export type MovingFormat = keyof typeof MOVING;

/** What the service can send. Extension, media type and encoder names all derive from here. */
export const FORMATS = { ...STILL, ...MOVING } as const;

export type Format = keyof typeof FORMATS;

/** Nothing is rendered as SVG, but an original that is one may be passed on as it is. */
export type VariantFormat = Format | 'svg';

export function mediaType(format: VariantFormat): string {
  return format === 'svg' ? 'image/svg+xml' : FORMATS[format].mediaType;
}

/** What may be asked for: a format, or to keep the original's own. */
export type AskedFormat = Format | 'original';

/**
 * What clients may be given at a `.png` address because they say that they take it, in the order of
 * preference. Two choices and no more: what edges fold Accept into (`deploy/cloudfront/`) means the same
 * as the header itself for these, and not for AVIF alone or behind WebP.
 */
export const NEGOTIATIONS = {
  webp: ['webp'],
  'avif,webp': ['avif', 'webp'],
} as const satisfies Record<string, readonly Format[]>;

export type NegotiableFormat = (typeof NEGOTIATIONS)[keyof typeof NEGOTIATIONS][number];

/** The format with leave to move, where it can. */
export function inMotion(format: AskedFormat): AskedFormat {
  if (format === 'webp') return 'awebp';
  return format === 'gif' ? 'agif' : format;
}

export function isMoving(format: AskedFormat): format is MovingFormat {
  return Object.hasOwn(MOVING, format);
}

/** The extension of a format, which is what it is called when it does not move. */
export function stillFormat(format: Format): Extension {
  return isMoving(format) ? MOVING[format].still : format;
}

export function isFormat(name: string): name is Format {
  return Object.hasOwn(FORMATS, name);
}

export function isExtension(name: string): name is Extension {
  return Object.hasOwn(STILL, name);
}

/** What an original may be; everything else is refused before any decoder sees it. */
export type OriginalFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif';
