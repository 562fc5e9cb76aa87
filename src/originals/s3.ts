/** Originals in an S3 bucket. Loading this file loads the SDK: import it when it is needed. */
import { createHash } from 'node:crypto';
import { AvatarError } from '../errors.ts';
import { readBody } from '../s3/body.ts';
import { bareTag, S3Bucket } from '../s3/bucket.ts';
import { BodyChecks } from '../s3/checksum.ts';
import type { S3Settings } from '../s3/client.ts';
import type { OriginalStore } from './store.ts';

export type S3OriginalsSettings = S3Settings & {
  /** Larger objects are refused, before reading where their length is announced. */
  readonly maxBytes: number;
};

export function createS3Store(settings: S3OriginalsSettings): OriginalStore {
  const { maxBytes, timeouts } = settings;
  const bucket = new S3Bucket(settings);
  const { name } = bucket;
  const checks = new BodyChecks();

  return {
    name,
    async read(key, { signal, ifNoneMatch, claim }) {
      signal.throwIfAborted();
      // GetObject without a key would be a listing of the bucket.
      if (key === '') return undefined;
      const found = await bucket.get(key, { signal, ifNoneMatch });
      if (found === 'unchanged' && ifNoneMatch === undefined) {
        throw bucket.notS3(key, 'a status for what was not asked');
      }
      if (found === undefined || found === 'unchanged') return found;

      const { body, ETag: rawTag, LastModified: lastModified, ContentLength: length } = found;
      const what = `${name}/${key}`;
      if (length !== undefined && length > maxBytes) {
        body.destroy();
        throw tooLarge(what, maxBytes);
      }
      if (rawTag === undefined || lastModified === undefined) {
        body.destroy();
        throw bucket.notS3(key, 'no ETag or no Last-Modified');
      }
      const hash = checks.begin(found);
      const { stallMs } = timeouts;
      const limits = { what, maxBytes, stallMs, signal, length };
      const bytes = await readBody(body, { ...limits, claim, hash });
      if (bytes === undefined) throw tooLarge(what, maxBytes);
      const etag = etagOf(rawTag);
      if (hash !== undefined) checks.finish(hash, etag, what);
      return { identity: `${what}@${etag}`, bytes, etag, lastModified };
    },
    probe: (signal) => bucket.probe(signal),
    close: () => bucket.close(),
  };
}

function tooLarge(what: string, maxBytes: number): AvatarError {
  return new AvatarError('original_too_large', {
    detail: `${what} has more bytes than the ${maxBytes} that AVATAR_MAX_ORIGINAL_MB allows`,
  });
}

/**
 * The entity tag without quotes, if it can be a part of our own. S3's are hexadecimal, with `-N`
 * after uploads in parts. Of any other a hash stands in: the server will not know it again, so that
 * asking with it reads the object once more, which is right if not cheap.
 */
function etagOf(raw: string): string {
  const bare = bareTag(raw);
  if (/^[A-Za-z0-9.-]{1,128}$/.test(bare)) return bare;
  return createHash('sha256').update(raw).digest('hex').slice(0, 32);
}
