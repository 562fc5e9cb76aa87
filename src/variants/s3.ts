/** Finished variants in an S3 bucket. Loading this file loads the SDK: import it when it is needed. */
import type { StoredVariant } from '../avatar/ports.ts';
import { type BodyLimits, readBody } from '../s3/body.ts';
import { bareTag, S3Bucket, type S3Object } from '../s3/bucket.ts';
import type { S3Settings } from '../s3/client.ts';
import { mediaType } from '../vocabulary/formats.ts';
import { digestOf, LARGEST_VARIANT_BYTES, metadataOf, parseStored } from './metadata.ts';
import type { VariantStore } from './store.ts';

export type S3VariantsSettings = S3Settings & {
  /** The header that the service sends with a variant: a CDN on the bucket sends the same. */
  readonly cacheControl: string;
};

export function createS3Variants(settings: S3VariantsSettings): VariantStore {
  const { cacheControl, timeouts } = settings;
  const bucket = new S3Bucket(settings);
  const { name } = bucket;

  /** The version is the store's own entity tag. */
  const versionOf = (etag: string | undefined, key: string): string => {
    if (etag === undefined) throw bucket.notS3(key, 'no ETag');
    return bareTag(etag);
  };

  return {
    name,
    async read(key, signal) {
      const found = await bucket.get(key, { signal });
      if (found === undefined) return undefined;
      if (found === 'unchanged') throw bucket.notS3(key, 'a status for what was not asked');
      if (found.ETag === undefined) found.body.destroy();
      const version = versionOf(found.ETag, key);
      const limits = { maxBytes: LARGEST_VARIANT_BYTES, stallMs: timeouts.stallMs, signal };
      const variant = await readVariant(found, { ...limits, what: `${name}/${key}` });
      return { variant, version };
    },

    async describe(key, signal) {
      const found = await bucket.head(key, signal);
      if (found === undefined) return undefined;
      const { ETag: etag, ContentType: contentType, ContentLength: contentLength } = found;
      const variant = parseStored({ contentType, contentLength, metadata: found.Metadata });
      return { variant, version: versionOf(etag, key) };
    },

    async put(key, variant, options) {
      const object = {
        Body: variant.bytes,
        ContentType: mediaType(variant.format),
        CacheControl: cacheControl,
        Metadata: metadataOf(variant),
      };
      return await bucket.put(key, object, options);
    },

    tryToPut: (key, signal) => bucket.tryToPut(key, signal),
    probe: (signal) => bucket.probe(signal),
    close: () => bucket.close(),
  };
}

/** @returns undefined for what is of no use: too large, damaged, or none of ours */
async function readVariant(
  { body, ContentType: contentType, ContentLength: contentLength, Metadata: metadata }: S3Object,
  limits: BodyLimits,
): Promise<StoredVariant['variant']> {
  const declared = parseStored({ contentType, contentLength, metadata });
  if (declared === undefined) {
    body.destroy();
    return undefined;
  }
  const bytes = await readBody(body, limits);
  const { digest, ...described } = declared;
  return bytes === undefined || digestOf(bytes) !== digest ? undefined : { ...described, bytes };
}
