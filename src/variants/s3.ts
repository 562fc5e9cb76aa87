/** Finished variants in an S3 bucket. Loading this file loads the SDK: import it when it is needed. */
import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { mediaType } from '../avatar/formats.ts';
import type { SharedVariant, StoredVariant } from '../avatar/ports.ts';
import { AvatarError } from '../errors.ts';
import { orAbort } from '../originals/abort.ts';
import { readBody } from '../originals/s3-body.ts';
import { createS3Client, type S3Settings } from '../originals/s3-client.ts';
import { dropBody, explainS3Failure, mayMeanMissing } from '../originals/s3-faults.ts';
import { createListGrant } from '../originals/s3-list-grant.ts';
import { digestOf, LARGEST_VARIANT_BYTES, metadataOf, parseStored } from './metadata.ts';
import type { VariantStore } from './store.ts';

export type S3VariantsSettings = Omit<S3Settings, 'prefix' | 'maxBytes'> & {
  /** Before every key as it is: empty, or ending with a slash. */
  readonly prefix: string;
  /** What the service sends with a variant: whoever serves the bucket directly sends the same. */
  readonly cacheControl: string;
};

export function createS3Variants(settings: S3VariantsSettings): VariantStore {
  const { bucket, prefix, cacheControl, timeouts } = settings;
  const name = `s3://${bucket}/${prefix}`.replace(/\/$/, '');
  const client = createS3Client({ ...settings, maxBytes: LARGEST_VARIANT_BYTES });
  const listGrant = createListGrant(async (signal) => {
    await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }), {
      abortSignal: signal,
    });
  }, bucket);

  /** For a reply that is no success: undefined when it says that there is nothing. */
  async function explain(
    thrown: unknown,
    isHead: boolean,
    signal: AbortSignal,
  ): Promise<undefined> {
    dropBody(thrown);
    signal.throwIfAborted();
    const failure = explainS3Failure(thrown, bucket);
    const status = statusOf(thrown);
    // A reply to HEAD has no body to give its code in.
    if (failure === 'missing' || (isHead && status === 404)) return undefined;
    const mayBeMissing = mayMeanMissing(thrown) || (isHead && status === 403);
    if (mayBeMissing && !(await listGrant.isGranted(signal))) return undefined;
    throw troubleOf(failure, bucket);
  }

  let takesConditions = true;

  async function send(
    key: string,
    variant: SharedVariant,
    instead: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const object = {
      Bucket: bucket,
      Key: prefix + key,
      Body: variant.bytes,
      ContentType: mediaType(variant.format),
      CacheControl: cacheControl,
      Metadata: metadataOf(variant),
    };
    // Ceph and DigitalOcean know a tag without its quotes only; AWS takes it either way.
    const condition = instead === undefined ? { IfNoneMatch: '*' } : { IfMatch: instead };
    const command = new PutObjectCommand(takesConditions ? { ...object, ...condition } : object);
    try {
      await client.send(command, { abortSignal: signal });
    } catch (thrown) {
      if (!takesConditions || statusOf(thrown) !== 501) throw thrown;
      // A server that does not know them: the last one to write has written the same as the others.
      takesConditions = false;
      await send(key, variant, instead, signal);
    }
  }

  return {
    name,
    async read(key, signal) {
      signal.throwIfAborted();
      const command = new GetObjectCommand({ Bucket: bucket, Key: prefix + key });
      let reply: GetObjectCommandOutput;
      try {
        const sending = client.send(command, { abortSignal: signal });
        reply = await orAbort(sending, signal, ({ Body: body }) => {
          if (body instanceof Readable) body.destroy();
        });
      } catch (thrown) {
        return await explain(thrown, false, signal);
      }
      const limits = { maxBytes: LARGEST_VARIANT_BYTES, stallMs: timeouts.stallMs, signal };
      return await toStored(reply, { ...limits, what: `${name}/${key}` });
    },

    async describe(key, signal) {
      signal.throwIfAborted();
      const command = new HeadObjectCommand({ Bucket: bucket, Key: prefix + key });
      try {
        const reply = await orAbort(client.send(command, { abortSignal: signal }), signal);
        const { ETag: etag, ContentType: contentType, ContentLength: contentLength } = reply;
        const variant = parseStored({ contentType, contentLength, metadata: reply.Metadata });
        return { variant, version: versionOf(etag, `${name}/${key}`) };
      } catch (thrown) {
        return await explain(thrown, true, signal);
      }
    },

    async put(key, variant, { instead, signal }) {
      signal.throwIfAborted();
      try {
        await orAbort(send(key, variant, instead, signal), signal);
        return 'stored';
      } catch (thrown) {
        dropBody(thrown);
        signal.throwIfAborted();
        const failure = explainS3Failure(thrown, bucket);
        // Missing is what was to be replaced, and has been removed since.
        if (CONFLICT.has(statusOf(thrown)) || failure === 'missing') return 'conflict';
        throw troubleOf(failure, bucket);
      }
    },

    close() {
      client.destroy();
    },
  };
}

/** Preconditions that failed, in the words of several servers; two writes at the same time. */
const CONFLICT = new Set<number | undefined>([304, 409, 412]);

async function toStored(
  { Body: body, ETag: etag, ...reply }: GetObjectCommandOutput,
  limits: Parameters<typeof readBody>[1],
): Promise<StoredVariant> {
  if (!(body instanceof Readable)) throw notS3(limits.what, 'no body');
  const { ContentType: contentType, ContentLength: contentLength, Metadata: metadata } = reply;
  const declared = parseStored({ contentType, contentLength, metadata });
  if (etag === undefined || declared === undefined) {
    body.destroy();
    return { variant: undefined, version: versionOf(etag, limits.what) };
  }
  const version = versionOf(etag, limits.what);
  const bytes = await readBody(body, limits);
  const { digest, ...described } = declared;
  const isWhole = digestOf(bytes) === digest;
  return { variant: isWhole ? { ...described, bytes } : undefined, version };
}

/** The store's own entity tag, without quotes. */
function versionOf(etag: string | undefined, what: string): string {
  if (etag === undefined) throw notS3(what, 'no ETag');
  return etag.replace(/^"(?<bare>.*)"$/, '$<bare>');
}

function statusOf(thrown: unknown): number | undefined {
  return thrown instanceof S3ServiceException ? thrown.$metadata.httpStatusCode : undefined;
}

/** The failure of a read of originals, put for the log of the store of variants. */
function troubleOf(failure: 'missing' | 'unchanged' | AvatarError, bucket: string): AvatarError {
  if (typeof failure === 'string') return notS3(bucket, `a reply to another request (${failure})`);
  const { code, cause } = failure;
  const detail =
    code === 'originals_access_denied'
      ? `bucket ${bucket} refuses: allow s3:GetObject and s3:PutObject on its objects, and s3:ListBucket to tell what is missing`
      : failure.message.replaceAll('AVATAR_ORIGINALS', 'AVATAR_VARIANTS');
  return new AvatarError(code, { detail, ...(cause === undefined ? {} : { cause }) });
}

function notS3(what: string, lack: string): AvatarError {
  return new AvatarError('originals_bad_reply', {
    detail: `${what}: the reply has ${lack}, unlike S3: check endpoint= in AVATAR_VARIANTS`,
  });
}
