/** Conditional requests (RFC 9110, section 13). Pure. */
import { parseHttpDate } from './http-date.ts';

/** `*`, or the opaque parts of the tags listed. */
type IfNoneMatch = '*' | readonly string[];

/** One tag of the list, weak or strong; opaque-tag as section 8.8.3 has it. */
const ENTITY_TAG = /(?:W\/)?"(?<opaque>[\x21\x23-\x7E\x80-\xFF]*)"/g;
/** More tags than a cache holds of one resource; bounds the work for a hostile header. */
const MOST_TAGS = 50;

export function parseIfNoneMatch(header: string | undefined): IfNoneMatch {
  if (header === undefined) return [];
  if (header.trim() === '*') return '*';
  const tags: string[] = [];
  for (const { groups } of header.matchAll(ENTITY_TAG)) {
    if (groups?.['opaque'] !== undefined) tags.push(groups['opaque']);
    if (tags.length === MOST_TAGS) break;
  }
  return tags;
}

type Validators = {
  readonly etag: string;
  /** Undefined where no date can be relied upon. */
  readonly lastModified?: Date;
};

/**
 * Whether the client's copy still holds. If-None-Match, when present, decides alone (13.1.3), by
 * weak comparison (13.1.2); dates count in whole seconds, and what is none is ignored (13.1.3).
 */
export function isUnchanged(
  headers: { 'if-none-match'?: string | undefined; 'if-modified-since'?: string | undefined },
  { etag, lastModified }: Validators,
): boolean {
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) {
    const known = parseIfNoneMatch(ifNoneMatch);
    return known === '*' || known.includes(etag);
  }
  const ifModifiedSince = headers['if-modified-since'];
  if (ifModifiedSince === undefined || lastModified === undefined) return false;
  const since = parseHttpDate(ifModifiedSince);
  return since !== undefined && Math.floor(lastModified.getTime() / 1000) * 1000 <= since;
}
