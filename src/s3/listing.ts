/** The keys of a bucket, for the command line. Loading this file loads the SDK. */
import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { AvatarError } from '../errors.ts';
import { orAbort } from '../flow/abort.ts';
import type { ListedObject, Listing } from '../vocabulary/keys.ts';
import { createS3Client, type S3Settings } from './client.ts';
import { explainS3Failure } from './faults.ts';
import { noListing } from './list-grant.ts';
import { nameOf } from './place.ts';

/** A page of keys takes a bucket longer than a small object does. */
const LIST_FIRST_BYTE_MS = 20_000;

export function createS3Listing(settings: S3Settings): Listing {
  const { bucket, prefix: folder, timeouts } = settings;
  const client = createS3Client({
    ...settings,
    timeouts: { ...timeouts, firstByteMs: LIST_FIRST_BYTE_MS },
    maxAttempts: 4,
  });

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
      const failure = explainS3Failure(thrown, settings);
      if (!(failure instanceof AvatarError)) throw noListing(failure, settings);
      if (failure.code !== 'originals_access_denied') throw failure;
      throw new AvatarError(failure.code, {
        detail: `bucket ${bucket} may not be listed: allow s3:ListBucket on it (${failure.message})`,
      });
    }
  }

  return {
    name: nameOf(settings),
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
