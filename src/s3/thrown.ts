/** What can be told of something that was thrown by S3, the SDK or the network. */
import { Readable } from 'node:stream';
import { S3ServiceException } from '@aws-sdk/client-s3';

export type Facts = {
  /** Of the reply; undefined when there was none. */
  readonly status: number | undefined;
  /** The server's error code, or the name of the SDK's error. */
  readonly name: string;
  readonly message: string;
  /** Node's: ECONNREFUSED, … */
  readonly systemCode: string | undefined;
  /** What the system was asked for: connect, open, … */
  readonly systemCall: string | undefined;
  /** Where the bucket is, when the server says so. */
  readonly region: string | undefined;
  readonly requestId: string | undefined;
  /** Said by another service of AWS, which was asked for credentials: STS, SSO. */
  readonly isOfCredentialService: boolean;
};

export function factsOf(thrown: unknown): Facts {
  const metadata = member(thrown, '$metadata');
  const headers = member(member(thrown, '$response'), 'headers');
  return {
    status: number(member(metadata, 'httpStatusCode')),
    name: text(member(thrown, 'name')) ?? '',
    // OpenSSL's have a line break at their end.
    message: (thrown instanceof Error ? thrown.message : String(thrown)).trim(),
    systemCode: text(member(thrown, 'code')),
    systemCall: text(member(thrown, 'syscall')),
    region: text(member(headers, 'x-amz-bucket-region')) ?? text(member(thrown, 'Region')),
    requestId: text(member(metadata, 'requestId')),
    isOfCredentialService:
      member(thrown, '$fault') !== undefined && !(thrown instanceof S3ServiceException),
  };
}

/**
 * True for the 403 that S3 gives for a missing key to those who may not list the bucket. Recent
 * messages of AWS name the action that was refused: any but the listing is a refusal of the read.
 */
export function mayMeanMissing(thrown: unknown): boolean {
  if (!isRefusalOfS3(thrown)) return false;
  const { message } = factsOf(thrown);
  const action = /not authorized to perform: (?<action>[\w-]+:\w+)/.exec(message)?.groups?.[
    'action'
  ];
  return action === undefined || action === 's3:ListBucket';
}

/**
 * Whether S3 itself said no to credentials it accepts. Told by more than the status: a proxy between
 * may answer 403, and so may the service that is asked for credentials, which says AccessDenied too.
 */
export function isRefusalOfS3(thrown: unknown): boolean {
  return thrown instanceof S3ServiceException && thrown.name === 'AccessDenied';
}

/** Where the bucket is, when a request failed for being sent elsewhere and the server says so. */
export function regionNamedBy(thrown: unknown): string | undefined {
  const facts = factsOf(thrown);
  return isOfAnotherRegion(facts) ? facts.region : undefined;
}

/** Whether there was an answer at all, and not one to the question for credentials. */
export function isReplyOfS3(thrown: unknown): boolean {
  const { status, isOfCredentialService } = factsOf(thrown);
  return status !== undefined && !isOfCredentialService;
}

/**
 * Frees the socket of a reply the SDK gave up on: when a header of it makes no sense, it throws
 * and leaves the body unread.
 */
export function dropBody(thrown: unknown): void {
  const body = member(member(thrown, '$response'), 'body');
  if (body instanceof Readable) body.destroy();
}

const WRONG_REGION = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);

/** What the accelerated host of a bucket says where there is, or can be, no acceleration. */
export function isOfAcceleration({ name, message }: Facts): boolean {
  return name === 'InvalidRequest' && message.includes('Transfer Acceleration');
}

export function isOfAnotherRegion(facts: Facts): boolean {
  const { name, status, region } = facts;
  if (isOfAcceleration(facts)) return false;
  const isRedirect = status === 301 || status === 302 || status === 307 || status === 308;
  return isRedirect || WRONG_REGION.has(name) || (status === 400 && region !== undefined);
}

/** Of an error or reply of the SDK, whose types promise more than there is. */
export function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Reflect.get(value, key);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
