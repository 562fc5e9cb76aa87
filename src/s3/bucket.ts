/** Every request to a bucket of originals or variants. Loading this file loads the SDK. */
import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { AvatarError } from '../errors.ts';
import { orAbort } from '../flow/abort.ts';
import { digestOf } from './checksum.ts';
import { createS3Client, type S3Settings } from './client.ts';
import { explainS3Failure } from './faults.ts';
import { createListGrant, type ListGrant } from './list-grant.ts';
import { nameOf } from './place.ts';
import { dropBody, mayMeanMissing } from './thrown.ts';

type GetOptions = {
  readonly signal: AbortSignal;
  /** The entity tag, without quotes, of what somebody has. */
  readonly ifNoneMatch?: string | undefined;
};

/** Its body has to be read to the end, or destroyed. */
export type S3Object = Omit<GetObjectCommandOutput, 'Body'> & { readonly body: Readable };

type NewObject = Pick<PutObjectCommandInput, 'ContentType' | 'CacheControl' | 'Metadata'> & {
  readonly Body: Uint8Array;
};

type PutOptions = {
  /** The entity tag, without quotes, of what is replaced; default: only where there is nothing yet. */
  readonly instead?: string | undefined;
  readonly signal: AbortSignal;
};

/**
 * A key is opaque here: what follows the prefix, slashes and dots included.
 *
 * A missing key is told from a forbidden one as far as S3 lets one tell: see `list-grant.ts`.
 * With `s3:ListBucket` granted there is nothing to guess.
 */
export class S3Bucket {
  readonly name: string;
  readonly #settings: S3Settings;
  readonly #client: S3Client;
  readonly #listGrant: ListGrant;
  #takesConditions = true;

  constructor(settings: S3Settings) {
    this.name = nameOf(settings);
    this.#settings = settings;
    this.#client = createS3Client(settings);
    this.#listGrant = createListGrant(this.#client, settings);
  }

  /**
   * @returns undefined when there is no such object
   * @throws AvatarError `originals_*`; the signal's reason
   */
  async get(
    key: string,
    { signal, ifNoneMatch }: GetOptions,
  ): Promise<S3Object | 'unchanged' | undefined> {
    signal.throwIfAborted();
    const command = new GetObjectCommand({
      ...this.#at(key),
      ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: `"${ifNoneMatch}"` }),
    });
    let reply: GetObjectCommandOutput;
    try {
      const sending = this.#client.send(command, { abortSignal: signal });
      reply = await orAbort(sending, signal, ({ Body: body }) => {
        if (body instanceof Readable) body.destroy();
      });
    } catch (thrown) {
      return await this.#explain(thrown, signal);
    }
    const { Body: body, ...headers } = reply;
    if (!(body instanceof Readable)) throw this.notS3(key, 'no body');
    return { ...headers, body };
  }

  /** What `get` would give, without its body; throws as that does. */
  async head(key: string, signal: AbortSignal): Promise<HeadObjectCommandOutput | undefined> {
    signal.throwIfAborted();
    const command = new HeadObjectCommand(this.#at(key));
    try {
      return await orAbort(this.#client.send(command, { abortSignal: signal }), signal);
    } catch (thrown) {
      signal.throwIfAborted();
      // A reply to HEAD has no body to give its code in.
      const status = statusOf(thrown);
      if (status === 404) return undefined;
      if (status === 403 && !(await this.#listGrant.isGranted(signal))) return undefined;
      // That of an expired session, for one; the refusal of a list says so.
      if (status === 400) await this.#listGrant.ask(signal);
      if ((await this.#explain(thrown, signal)) === undefined) return undefined;
      throw this.notS3(key, 'a status for what was not asked');
    }
  }

  /**
   * @returns 'conflict' when there is something else than was to be replaced
   * @throws AvatarError `originals_*`; the signal's reason
   */
  async put(
    key: string,
    object: NewObject,
    { instead, signal }: PutOptions,
  ): Promise<'stored' | 'conflict'> {
    signal.throwIfAborted();
    const whole = { ...object, ...digestOf(object.Body), ...this.#at(key) };
    try {
      await orAbort(this.#send(whole, instead, signal), signal);
      return 'stored';
    } catch (thrown) {
      dropBody(thrown);
      signal.throwIfAborted();
      if (CONFLICT.has(statusOf(thrown))) return 'conflict';
      const failure = explainS3Failure(thrown, this.#settings);
      if (failure instanceof AvatarError) throw failure;
      // Missing is what was to be replaced, and has been removed since.
      return 'conflict';
    }
  }

  /**
   * Whether objects may be put, found out without keeping one: as `put` does it, but for the digest, which
   * is that of something else.
   * @returns 'kept' by a server that does not check what it is sent: there is an object now
   * @throws AvatarError as `put` does; the signal's reason
   */
  async tryToPut(key: string, signal: AbortSignal): Promise<'refused' | 'kept'> {
    signal.throwIfAborted();
    // Who may not write is told so before the digest is looked at.
    const object = { Body: Buffer.from('x'), ...digestOf(Buffer.from('y')), ...this.#at(key) };
    try {
      await orAbort(this.#send(object, undefined, signal), signal);
      return 'kept';
    } catch (thrown) {
      dropBody(thrown);
      signal.throwIfAborted();
      if (thrown instanceof S3ServiceException && WRONG_DIGEST.has(thrown.name)) return 'refused';
      const failure = explainS3Failure(thrown, this.#settings);
      throw failure instanceof AvatarError
        ? failure
        : this.notS3(key, 'a status for what was not asked');
    }
  }

  /** Whether the bucket may be listed; throws when it cannot be used at all. */
  async probe(signal: AbortSignal): Promise<void> {
    await this.#listGrant.ask(signal);
  }

  close(): void {
    this.#client.destroy();
  }

  /** @param lack what each reply of S3 has */
  notS3(key: string, lack: string): AvatarError {
    const { variable } = this.#settings;
    return new AvatarError('originals_bad_reply', {
      detail: `${this.name}/${key}: the reply has ${lack}, unlike any of S3: check endpoint= in ${variable}`,
    });
  }

  #at(key: string): { Bucket: string; Key: string } {
    const { bucket, prefix } = this.#settings;
    return { Bucket: bucket, Key: prefix + key };
  }

  /** For a request that failed: what it says of the object, if it says anything. */
  async #explain(thrown: unknown, signal: AbortSignal): Promise<'unchanged' | undefined> {
    dropBody(thrown);
    signal.throwIfAborted();
    const failure = explainS3Failure(thrown, this.#settings);
    if (failure === 'unchanged') return 'unchanged';
    if (failure === 'missing') return undefined;
    if (mayMeanMissing(thrown) && !(await this.#listGrant.isGranted(signal))) return undefined;
    throw failure;
  }

  async #send(
    object: PutObjectCommandInput,
    instead: string | undefined,
    abortSignal: AbortSignal,
  ): Promise<void> {
    // Ceph and DigitalOcean know a tag without its quotes only; AWS takes it either way.
    const condition = instead === undefined ? { IfNoneMatch: '*' } : { IfMatch: instead };
    const isConditional = this.#takesConditions;
    const command = new PutObjectCommand(isConditional ? { ...object, ...condition } : object);
    try {
      await this.#client.send(command, { abortSignal });
    } catch (thrown) {
      if (!isConditional || statusOf(thrown) !== 501) throw thrown;
      // A server that does not know them: the last one to write has written the same as the others.
      this.#takesConditions = false;
      await this.#send(object, instead, abortSignal);
    }
  }
}

/** An entity tag without the quotes it comes with. */
export function bareTag(etag: string): string {
  return etag.replace(/^"(?<bare>.*)"$/, '$<bare>');
}

/** The second is MinIO's, for other sums than MD5. */
const WRONG_DIGEST = new Set(['BadDigest', 'XAmzContentChecksumMismatch']);

/** Preconditions that failed, in the words of several servers; two writes at the same time. */
const CONFLICT = new Set<number | undefined>([304, 409, 412]);

function statusOf(thrown: unknown): number | undefined {
  return thrown instanceof S3ServiceException ? thrown.$metadata.httpStatusCode : undefined;
}
