/**
 * What S3, the SDK and the network can throw, explained to an operator: what is wrong, and what to do
 * about it. The server's error codes:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 *
 * Errors of the server are not passed on as causes: SignatureDoesNotMatch echoes the request it
 * got, session token included, and a log would show it.
 */
import { AvatarError, type FaultCode } from '../errors.ts';
import { cureOfCredentials } from './credential-cures.ts';
import type { S3Place } from './place.ts';
import { type Facts, factsOf, isOfAcceleration, isOfAnotherRegion } from './thrown.ts';
import { cureOfTls } from './tls-cures.ts';

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

// Keys no object can have are missing too: longer than 1024 bytes (AWS, then Ceph).
const MISSING = new Set(['NoSuchKey', 'KeyTooLongError', 'InvalidObjectName']);

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
  AVATAR_VARIANTS:
    's3:GetObject and s3:PutObject on its objects (and kms:GenerateDataKey and kms:Decrypt where they are encrypted)',
};

/** Worth the one retry a client may make. */
const RETRY_AFTER_SECONDS = 1;

function explainCredentials(facts: Facts, { bucket }: Place): AvatarError | undefined {
  const cure = cureOfCredentials(facts);
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
  if (name === 'InvalidObjectState') {
    const detail = `bucket ${bucket} has this object archived: restore it, or move it to a storage class that can be read at once`;
    return fault('originals_access_denied', detail, facts);
  }
  // Nothing that is allowed beside it helps.
  if (status === 403 && message.includes('explicit deny')) {
    const detail = `bucket ${bucket} refuses: a policy forbids it to this role, or without a header (where that is of encryption, let the bucket encrypt by default): exempt the role from it (${message})`;
    return fault('originals_access_denied', detail, facts);
  }
  if (status === 403 || status === 401) {
    const detail = `bucket ${bucket} refuses: allow ${NEEDED[variable]}, and s3:ListBucket to tell what is missing (${message})`;
    return fault('originals_access_denied', detail, facts);
  }
  return undefined;
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

function explainNetwork(facts: Facts, place: Place, cause: unknown): AvatarError | undefined {
  const { bucket, variable } = place;
  const { status, systemCode, name, message } = facts;
  if (status !== undefined) return undefined;
  // Node's parser refused what came: a server, but none that speaks HTTP here.
  if (systemCode?.startsWith('HPE_') === true) {
    const detail = `bucket ${bucket}: no HTTP reply (${message}): check endpoint= in ${variable}`;
    return fault('originals_bad_reply', detail, facts, cause);
  }
  // The SDK calls a connection that was reset a TimeoutError as well: first what the system says.
  if (systemCode !== undefined && systemCode !== 'ETIMEDOUT') {
    const cure = cureOfTls(facts) ?? cureOfName(facts, place);
    const check = cure ?? `check the network, its DNS and endpoint= in ${variable}`;
    const detail = `bucket ${bucket} cannot be reached (${message}): ${check}`;
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

/** Of AWS each bucket has a host name, in a region there is; of other servers few have. */
function cureOfName(
  { systemCode, message }: Facts,
  { bucket, variable }: Place,
): string | undefined {
  if (systemCode !== 'ENOTFOUND' || !message.includes(` ${bucket}.`)) return undefined;
  return `check DNS, and region= and endpoint= in ${variable}; where buckets have no host names of their own, say pathStyle=true in ${variable}`;
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
