import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { AvatarError } from '../errors.ts';
import { orAbort } from '../flow/abort.ts';
import { explainS3Failure } from './faults.ts';
import type { S3Place } from './place.ts';
import { isRefusalOfS3 } from './thrown.ts';

/** How long the answer is believed: policies change seldom, and a change should need no restart. */
const BELIEVED_MS = 5 * 60_000;
/** For the question itself, which serves all who wait and hence ends with none of them. */
const ASKED_WITHIN_MS = 10_000;

export type ListGrant = {
  /** Whether the bucket may be listed, from memory if that is fresh. Throws as `ask` does. */
  isGranted(signal: AbortSignal): Promise<boolean>;
  /**
   * Asks now. Being refused the list with valid credentials is an answer, not a failure.
   * @throws AvatarError `originals_*`, when the bucket is not there or the credentials are no good
   */
  ask(signal: AbortSignal): Promise<boolean>;
};

/**
 * Whether these credentials may list the bucket, which decides what a 403 on a read means: to those
 * who may not, S3 answers 403 for a missing key instead of 404.
 *
 * Asked by listing one key: the refusal then has a code, so that a wrong secret is not taken for a
 * missing right, and it needs that very right. HeadBucket's 403 has neither body nor code.
 *
 * What remains undecidable: who may neither list nor read sees every key as missing.
 */
export function createListGrant(client: S3Client, place: S3Place): ListGrant {
  let known: { readonly granted: boolean; readonly until: number } | undefined;
  let asking: Promise<boolean> | undefined;

  async function learn(): Promise<boolean> {
    try {
      const granted = await mayList(client, place);
      known = { granted, until: Date.now() + BELIEVED_MS };
      return granted;
    } finally {
      asking = undefined;
    }
  }

  const ask = async (signal: AbortSignal): Promise<boolean> => {
    signal.throwIfAborted();
    asking ??= learn();
    return orAbort(asking, signal);
  };

  return {
    ask,
    async isGranted(signal) {
      return known !== undefined && Date.now() < known.until ? known.granted : ask(signal);
    },
  };
}

async function mayList(client: S3Client, place: S3Place): Promise<boolean> {
  const { bucket, prefix } = place;
  const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 });
  try {
    await client.send(command, { abortSignal: AbortSignal.timeout(ASKED_WITHIN_MS) });
    return true;
  } catch (thrown) {
    const failure = explainS3Failure(thrown, place);
    if (!(failure instanceof AvatarError)) throw noListing(failure, place);
    if (isRefusalOfS3(thrown)) return false;
    throw failure;
  }
}

/** @param said what only a read can be answered with */
export function noListing(said: string, { bucket, variable }: S3Place): AvatarError {
  return new AvatarError('originals_bad_reply', {
    detail: `bucket ${bucket}: a listing was answered as if it were a read (${said}): check endpoint= in ${variable}`,
  });
}
