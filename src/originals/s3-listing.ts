/** The keys of a bucket, for the command line. Loading this file loads the SDK. */
import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { AvatarError } from '../errors.ts';
import { orAbort } from './abort.ts';
import type { ListedObject, Listing } from './listing.ts';
import { createS3Client, type S3Settings } from './s3-client.ts';
import { explainS3Failure } from './s3-faults.ts';

/** A page of keys takes a bucket longer than a small object does. */
const LIST_FIRST_BYTE_MS = 20_000;

export function createS3Listing(settings: S3Settings): Listing {
  const { bucket, timeouts } = settings;
  const client = createS3Client({
    ...settings,
    timeouts: { ...timeouts, firstByteMs: LIST_FIRST_BYTE_MS },
    maxAttempts: 4,
  });
  const folder = settings.prefix ?? '';
  const name = `s3://${bucket}/${folder}`.replace(/\/$/, '');

  async function page(
    prefix: string,
    after: string | undefined,
    token: string | undefined,
    signal: AbortSignal,
  ): Promise<ListObjectsV2CommandOutput> {
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: folder + prefix,
      ...(after === undefined ? {} : { StartAfter: folder + after }),
      ...(token === undefined ? {} : { ContinuationToken: token }),
    });
    try {
      return await orAbort(client.send(command, { abortSignal: signal }), signal);
    } catch (thrown) {
      signal.throwIfAborted();
      const failure = explainS3Failure(thrown, bucket);
      if (failure instanceof AvatarError && failure.code === 'originals_access_denied') {
        throw new AvatarError(failure.code, {
          detail: `bucket ${bucket} may not be listed: allow s3:ListBucket on it (${failure.message})`,
        });
      }
      if (failure instanceof AvatarError) throw failure;
      throw new AvatarError('originals_bad_reply', {
        detail: `bucket ${bucket}: a listing was answered as if it were a read (${failure}): check endpoint= in AVATAR_ORIGINALS`,
      });
    }
  }

  return {
    name,
    async *list(prefix, after, signal): AsyncGenerator<ListedObject> {
      let token: string | undefined;
      do {
        const { Contents: objects = [], NextContinuationToken: next } = await page(
          prefix,
          after,
          token,
          signal,
        );
        for (const { Key: key, LastModified: lastModified } of objects) {
          // Some consoles make an object of each folder.
          if (key === undefined || lastModified === undefined || key.endsWith('/')) continue;
          yield { key: key.slice(folder.length), lastModified };
        }
        token = next;
      } while (token !== undefined);
    },
    close() {
      client.destroy();
    },
  };
}
