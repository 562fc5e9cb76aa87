import { createHash } from 'node:crypto';
import type { SharedVariant } from '../../src/avatar/ports.ts';
import { createS3Variants, type S3VariantsSettings } from '../../src/variants/s3.ts';
import type { VariantStore } from '../../src/variants/store.ts';
import type { TestS3 } from '../support/s3-server.ts';

export const CACHE_CONTROL = 'public, max-age=31536000, immutable';

export function openVariants(
  s3: TestS3,
  bucket: string,
  settings: Partial<S3VariantsSettings> = {},
): VariantStore {
  return createS3Variants({
    bucket,
    variable: 'AVATAR_VARIANTS',
    prefix: '',
    region: 'us-east-1',
    endpoint: s3.endpoint,
    credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
    cacheControl: CACHE_CONTROL,
    // One, so that a connection which is not given back is missed by the next request.
    maxSockets: 1,
    timeouts: { connectMs: 5000, firstByteMs: 10_000, stallMs: 10_000 },
    maxAttempts: 1,
    ...settings,
  });
}

/** Not a picture, which no store minds. */
export function variantOf(text: string, changes: Partial<SharedVariant> = {}): SharedVariant {
  const original = createHash('md5').update(text).digest('hex');
  return {
    bytes: Buffer.from(text),
    format: 'png',
    etag: `png1-90-${original}`,
    asked: 'png',
    lastModified: new Date('2024-02-29T12:34:56.789Z'),
    ...changes,
  };
}
