/** Originals in an S3 bucket. Loading this file loads the SDK: import it when a store needs it. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import type { Original, OriginalStore } from '../avatar/ports.ts';
import { AvatarError } from '../errors.ts';
import { orAbort } from './abort.ts';
import { readBody, tooLarge } from './s3-body.ts';
import { BodyChecks } from './s3-checksum.ts';
import { createS3Client, type S3Settings } from './s3-client.ts';
import { dropBody, explainS3Failure, mayMeanMissing } from './s3-faults.ts';
import { createListGrant } from './s3-list-grant.ts';

export type { S3Settings } from './s3-client.ts';

/**
 * A key is opaque here: what follows the prefix, slashes and dots included.
 *
 * A missing key is told from a forbidden one as far as S3 lets one tell: see `s3-list-grant.ts`.
 * With `s3:ListBucket` granted there is nothing to guess.
 */
export function createS3Store(settings: S3Settings): OriginalStore {
  const { bucket, maxBytes, timeouts, memory } = settings;
  const prefix = folderOf(settings.prefix);
  const name = `s3://${bucket}/${prefix}`.replace(/\/$/, '');
  const client = createS3Client(settings);
  const checks = new BodyChecks();
  const listGrant = createListGrant(async (signal) => {
    await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }), {
      abortSignal: signal,
    });
  }, bucket);

  async function get(
    key: string,
    ifNoneMatch: string | undefined,
    signal: AbortSignal,
  ): Promise<GetObjectCommandOutput> {
    const command = new GetObjectCommand({
      Bucket: bucket,
      Key: key,
      ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: `"${ifNoneMatch}"` }),
    });
    return orAbort(client.send(command, { abortSignal: signal }), signal, ({ Body }) => {
      if (Body instanceof Readable) Body.destroy();
    });
  }

  return {
    name,
    async read(key, { signal, ifNoneMatch }) {
      signal.throwIfAborted();
      // GetObject without a key would be a listing of the bucket.
      if (key === '') return undefined;
      let reply: GetObjectCommandOutput;
      try {
        reply = await get(prefix + key, ifNoneMatch, signal);
      } catch (thrown) {
        dropBody(thrown);
        signal.throwIfAborted();
        const failure = explainS3Failure(thrown, bucket);
        if (failure === 'unchanged') return 'unchanged';
        if (failure === 'missing') return undefined;
        if (mayMeanMissing(thrown) && !(await listGrant.isGranted(signal))) return undefined;
        throw failure;
      }
      const what = `${name}/${key}`;
      const hash = checks.begin(reply);
      const { ContentLength: length } = reply;
      const { stallMs } = timeouts;
      const limits = { what, maxBytes, stallMs, signal, length, memory, hash };
      const original = await toOriginal(reply, limits);
      if (hash !== undefined) checks.finish(hash, original.etag, what);
      return original;
    },
    async probe(signal) {
      await listGrant.ask(signal);
    },
    close() {
      client.destroy();
    },
  };
}

async function toOriginal(
  { Body: body, ETag: rawEtag, LastModified: lastModified }: GetObjectCommandOutput,
  limits: Parameters<typeof readBody>[1],
): Promise<Original> {
  const { what, maxBytes, length } = limits;
  if (!(body instanceof Readable)) throw notS3(what, 'no body');
  if (length !== undefined && length > maxBytes) {
    body.destroy();
    throw tooLarge(what, length, maxBytes);
  }
  if (rawEtag === undefined || lastModified === undefined) {
    body.destroy();
    throw notS3(what, 'no ETag or no Last-Modified');
  }
  const etag = etagOf(rawEtag);
  const bytes = await readBody(body, limits);
  return { identity: `${what}@${etag}`, bytes, etag, lastModified };
}

function notS3(what: string, lack: string): AvatarError {
  return new AvatarError('originals_bad_reply', {
    detail: `${what}: the reply has ${lack}, which S3 always gives: check endpoint= in AVATAR_ORIGINALS`,
  });
}

/** @returns '' or a prefix that ends in one slash and begins with none, as keys do */
function folderOf(prefix = ''): string {
  const trimmed = prefix.replace(/^\/+|\/+$/g, '');
  return trimmed === '' ? '' : `${trimmed}/`;
}

/**
 * The entity tag without quotes, if it can be a part of our own. S3's are hexadecimal, with `-N`
 * after uploads in parts. Of any other a hash stands in: the server will not know it again, so that
 * asking with it reads the object once more, which is right if not cheap.
 */
function etagOf(raw: string): string {
  const bare = raw.replace(/^"(?<bare>.*)"$/, '$<bare>');
  if (/^[A-Za-z0-9.-]{1,128}$/.test(bare)) return bare;
  return createHash('sha256').update(raw).digest('hex').slice(0, 32);
}
