/**
 * What S3, the SDK and the network can throw, told apart. The server's error codes:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 *
 * Errors of the server are not passed on as causes: SignatureDoesNotMatch echoes the request it
 * got, session token included, and a log would show it.
 */
import { Readable } from 'node:stream';
import { S3ServiceException } from '@aws-sdk/client-s3';
import { AvatarError, type FaultCode } from '../errors.ts';
import type { S3Place } from './place.ts';

type Place = Pick<S3Place, 'bucket' | 'variable'>;

/** @returns 'missing' and 'unchanged' for what is no failure of a read at all */
export function explainS3Failure(
  thrown: unknown,
  place: Place,
): 'missing' | 'unchanged' | AvatarError {
  const facts = factsOf(thrown);
  if (facts.status === 304) return 'unchanged';
  if (MISSING.has(facts.name)) return 'missing';
  return (
    explainCredentials(facts, place) ??
    explainConfiguration(facts, place) ??
    explainLoad(facts, place) ??
    explainNetwork(facts, place, thrown) ??
    explainRest(facts, place, thrown)
  );
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

type Facts = {
  /** Of the reply; undefined when there was none. */
  readonly status: number | undefined;
  /** The server's error code, or the name of the SDK's error. */
  readonly name: string;
  readonly message: string;
  /** Node's: ECONNREFUSED, … */
  readonly systemCode: string | undefined;
  /** Where the bucket is, when the server says so. */
  readonly region: string | undefined;
  readonly requestId: string | undefined;
  /** Said by another service of AWS, which was asked for credentials: STS, SSO. */
  readonly isOfCredentialService: boolean;
};

function factsOf(thrown: unknown): Facts {
  const metadata = member(thrown, '$metadata');
  const headers = member(member(thrown, '$response'), 'headers');
  return {
    status: number(member(metadata, 'httpStatusCode')),
    name: text(member(thrown, 'name')) ?? '',
    message: thrown instanceof Error ? thrown.message : String(thrown),
    systemCode: text(member(thrown, 'code')),
    region: text(member(headers, 'x-amz-bucket-region')) ?? text(member(thrown, 'Region')),
    requestId: text(member(metadata, 'requestId')),
    isOfCredentialService:
      member(thrown, '$fault') !== undefined && !(thrown instanceof S3ServiceException),
  };
}

// Keys no object can have are missing too: longer than 1024 bytes (AWS, then Ceph).
const MISSING = new Set(['NoSuchKey', 'KeyTooLongError', 'InvalidObjectName']);

const EXPIRED = 'the session has expired: renew AWS_SESSION_TOKEN and the keys it came with';

const CREDENTIAL_CURES: ReadonlyMap<string, string> = new Map([
  ['SignatureDoesNotMatch', 'AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID'],
  ['InvalidAccessKeyId', 'the server does not know AWS_ACCESS_KEY_ID'],
  ['ExpiredToken', EXPIRED],
  ['ExpiredTokenException', EXPIRED],
  ['TokenRefreshRequired', EXPIRED],
  ['InvalidToken', 'AWS_SESSION_TOKEN is not valid, or of other keys than AWS_ACCESS_KEY_ID'],
  ['RequestTimeTooSkewed', 'the clock of this machine is wrong: synchronise it'],
  ['RequestExpired', 'the clock of this machine is wrong: synchronise it'],
  [
    'CredentialsProviderError',
    'no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the task or the instance a role',
  ],
  ['TokenProviderError', 'the single sign-on session has ended: log in again'],
]);

const WRONG_REGION = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);

const THROTTLED = new Set([
  'SlowDown',
  'ServiceUnavailable',
  'Throttling',
  'ThrottlingException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'TooManyRequests',
  'TooManyRequestsException',
  'BandwidthLimitExceeded',
]);

const NEEDED: Readonly<Record<Place['variable'], string>> = {
  AVATAR_ORIGINALS: 's3:GetObject on its objects (and kms:Decrypt where they are encrypted)',
  AVATAR_VARIANTS: 's3:GetObject and s3:PutObject on its objects',
};

/** Worth the one retry a client may make. */
const RETRY_AFTER_SECONDS = 1;

function explainCredentials(facts: Facts, { bucket }: Place): AvatarError | undefined {
  const cure =
    CREDENTIAL_CURES.get(facts.name) ??
    (facts.isOfCredentialService
      ? `credentials were refused, not the bucket (${facts.message}): check AWS_ROLE_ARN and the trust policy of that role`
      : undefined);
  if (cure === undefined) return undefined;
  return fault('originals_credentials', `bucket ${bucket}: ${cure}`, facts);
}

function explainConfiguration(facts: Facts, { bucket, variable }: Place): AvatarError | undefined {
  const { name, status, region, message } = facts;
  if (name === 'NoSuchBucket' || name === 'InvalidBucketName') {
    const detail = `there is no bucket ${bucket} here: create it, or correct ${variable} (name, region=, endpoint=)`;
    return fault('originals_bucket_missing', detail, facts);
  }
  if (message === 'Region is missing') {
    const detail = `bucket ${bucket}: say region= in ${variable}, or set AWS_REGION`;
    return fault('originals_wrong_region', detail, facts);
  }
  if (name === 'EndpointError') {
    const detail = `bucket ${bucket}: region=, endpoint=, pathStyle=, accelerate= and dualstack= in ${variable} do not go together: ${message}`;
    return fault('originals_wrong_region', detail, facts);
  }
  if (isOfAcceleration(facts)) {
    const detail = `bucket ${bucket}: take accelerate= out of ${variable}, or enable Transfer Acceleration of the bucket (${message})`;
    return fault('originals_wrong_region', detail, facts);
  }
  if (isOfAnotherRegion(facts)) {
    const where = region === undefined ? 'in another region' : `in region ${region}`;
    const detail = `bucket ${bucket} is ${where}: say region=${region ?? '…'} in ${variable}, or set AWS_REGION (${message})`;
    return fault('originals_wrong_region', detail, facts);
  }
  if (status === 403 || status === 401) {
    const detail = `bucket ${bucket} refuses: allow ${NEEDED[variable]}, and s3:ListBucket to tell what is missing (${message})`;
    return fault('originals_access_denied', detail, facts);
  }
  return undefined;
}

/** What the accelerated host of a bucket says where there is, or can be, no acceleration. */
function isOfAcceleration({ name, message }: Facts): boolean {
  return name === 'InvalidRequest' && message.includes('Transfer Acceleration');
}

function isOfAnotherRegion(facts: Facts): boolean {
  const { name, status, region } = facts;
  if (isOfAcceleration(facts)) return false;
  const isRedirect = status === 301 || status === 302 || status === 307 || status === 308;
  return isRedirect || WRONG_REGION.has(name) || (status === 400 && region !== undefined);
}

function explainLoad(facts: Facts, { bucket }: Place): AvatarError | undefined {
  const { name, status } = facts;
  if (THROTTLED.has(name) || status === 503 || status === 429) {
    return fault('originals_throttled', `bucket ${bucket}: the server asks for less`, facts);
  }
  if (name === 'RequestTimeout') {
    return fault('originals_timeout', `bucket ${bucket}: the server waited in vain`, facts);
  }
  if (name === 'InternalError' || (status !== undefined && status >= 500)) {
    return fault('originals_unavailable', `bucket ${bucket}: the server failed`, facts);
  }
  return undefined;
}

function explainNetwork(
  facts: Facts,
  { bucket, variable }: Place,
  cause: unknown,
): AvatarError | undefined {
  const { status, systemCode, name, message } = facts;
  if (status !== undefined) return undefined;
  // Node's parser refused what came: a server, but none that speaks HTTP here.
  if (systemCode?.startsWith('HPE_') === true) {
    const detail = `bucket ${bucket}: no HTTP reply (${message}): check endpoint= in ${variable}`;
    return fault('originals_bad_reply', detail, facts, cause);
  }
  // The SDK calls a connection that was reset a TimeoutError as well: first what the system says.
  if (systemCode !== undefined && systemCode !== 'ETIMEDOUT') {
    const detail = `bucket ${bucket} cannot be reached (${message}): check the network, its DNS and endpoint= in ${variable}`;
    return fault('originals_unavailable', detail, facts, cause);
  }
  if (systemCode === 'ETIMEDOUT' || name === 'TimeoutError' || name === 'AbortError') {
    return fault(
      'originals_timeout',
      `bucket ${bucket}: no reply in time (${message})`,
      facts,
      cause,
    );
  }
  return undefined;
}

function explainRest(facts: Facts, { bucket, variable }: Place, cause: unknown): AvatarError {
  if (facts.status === undefined) {
    return fault('internal', `bucket ${bucket}: ${facts.message}`, facts, cause);
  }
  const detail = `bucket ${bucket}: a reply S3 does not give (${facts.message}): check endpoint= in ${variable}`;
  return fault('originals_bad_reply', detail, facts);
}

function fault(code: FaultCode, what: string, facts: Facts, cause?: unknown): AvatarError {
  const { status, name, requestId } = facts;
  const reply = [
    ...(status === undefined ? [] : [`status ${status}`]),
    ...(name === '' || name === 'Error' ? [] : [name]),
    ...(requestId === undefined ? [] : [`request ${requestId}`]),
  ].join(', ');
  const detail = reply === '' ? what : `${what} [${reply}]`;
  const isTemporary = code === 'originals_throttled' || code === 'originals_unavailable';
  return new AvatarError(code, {
    detail,
    ...(cause === undefined ? {} : { cause }),
    ...(isTemporary ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {}),
  });
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
