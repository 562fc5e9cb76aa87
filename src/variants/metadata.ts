/**
 * The metadata kept with a variant's bytes, as S3's user metadata, so that a copy is sent as if it had just
 * been rendered, and a damaged one is not sent at all. Pure.
 */
import { createHash } from 'node:crypto';
import type { SharedVariant } from '../avatar/ports.ts';
import { type AskedFormat, isFormat, mediaType } from '../vocabulary/formats.ts';

/** No avatar is larger: a square of 1000 pixels of noise, with transparency, is 4 MB as PNG. */
export const LARGEST_VARIANT_BYTES = 8 * 1024 * 1024;

type StoredHeaders = {
  readonly contentType: string | undefined;
  readonly contentLength: number | undefined;
  readonly metadata: Readonly<Record<string, string>> | undefined;
};

type Declared = Omit<SharedVariant, 'bytes'> & { readonly digest: string };

const ETAG = 'avatar-etag';
const ASKED = 'avatar-asked';
const LAST_MODIFIED = 'avatar-last-modified';
const SHA256 = 'avatar-sha256';

export function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function metadataOf(variant: SharedVariant): Record<string, string> {
  return {
    [ETAG]: variant.etag,
    [ASKED]: variant.asked,
    [LAST_MODIFIED]: variant.lastModified.toISOString(),
    [SHA256]: digestOf(variant.bytes),
  };
}

/** @returns undefined for what this service cannot have put there, or would not send */
export function parseStored({
  contentType,
  contentLength,
  metadata = {},
}: StoredHeaders): Declared | undefined {
  const { [ETAG]: etag, [ASKED]: asked, [LAST_MODIFIED]: date, [SHA256]: digest } = metadata;
  if (etag === undefined || date === undefined || digest === undefined) return undefined;
  // The tag goes into a header as it is.
  const format = /^(?<format>[a-z]+)[A-Za-z0-9.-]*$/.exec(etag)?.groups?.['format'];
  const lastModified = new Date(date);
  if (
    format === undefined ||
    !isFormat(format) ||
    contentType !== mediaType(format) ||
    !isAskedFormat(asked) ||
    Number.isNaN(lastModified.getTime()) ||
    (contentLength ?? 0) > LARGEST_VARIANT_BYTES
  ) {
    return undefined;
  }
  return { etag, format, asked, lastModified, digest };
}

function isAskedFormat(text: string | undefined): text is AskedFormat {
  return text !== undefined && (text === 'original' || isFormat(text));
}
