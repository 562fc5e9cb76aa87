import { createHash, getFips, type Hash } from 'node:crypto';
import type { GetObjectCommandOutput, PutObjectCommandInput } from '@aws-sdk/client-s3';
import { AvatarError } from '../errors.ts';

/** So many objects in a row whose tag was their MD5 sum are no accident. */
const ENOUGH = 3;

type Described = Pick<
  GetObjectCommandOutput,
  'ETag' | 'ServerSideEncryption' | 'SSECustomerAlgorithm'
>;

/**
 * Of what is put: a bucket whose Object Lock has a default retention takes nothing without. Every server
 * knows MD5; the other is for machines that may not compute it, since some servers refuse it.
 */
export function digestOf(
  body: Uint8Array,
  isFips = getFips() === 1,
): Pick<PutObjectCommandInput, 'ContentMD5' | 'ChecksumSHA256'> {
  const digest = createHash(isFips ? 'sha256' : 'md5')
    .update(body)
    .digest('base64');
  return isFips ? { ChecksumSHA256: digest } : { ContentMD5: digest };
}

/**
 * Compares bodies with their entity tags, where these are MD5 sums: with AWS for whatever was put in
 * one piece and not encrypted with a key of KMS or the client's own, with other servers mostly. So it is
 * learnt: from a store whose tags have been sums so far, a body with another sum is damaged; one whose
 * first tags are something else is believed.
 */
export class BodyChecks {
  #matches = 0;
  #isOff = getFips() === 1;

  /** @returns what has to be fed with the body; undefined when the tag says nothing about it */
  begin({ ETag, ServerSideEncryption, SSECustomerAlgorithm }: Described): Hash | undefined {
    const isPlain = ServerSideEncryption === undefined || ServerSideEncryption === 'AES256';
    const mayBeSum = /^"[0-9a-f]{32}"$/.test(ETag ?? '') && SSECustomerAlgorithm === undefined;
    return this.#isOff || !isPlain || !mayBeSum ? undefined : createHash('md5');
  }

  /**
   * @param what is checked, for the log
   * @throws AvatarError `originals_bad_reply`
   */
  finish(hash: Hash, etag: string, what: string): void {
    if (hash.digest('hex') === etag) {
      this.#matches += 1;
    } else if (this.#matches < ENOUGH) {
      this.#isOff = true;
    } else {
      throw new AvatarError('originals_bad_reply', {
        detail: `${what}: the checksum of what came is not that of the object (${etag}): damaged on the way, or in the store`,
      });
    }
  }
}
