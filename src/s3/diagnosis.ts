/** What can be learnt about a bucket and the way to it, for `doctor`. Loading this loads the SDK. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  GetBucketAccelerateConfigurationCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { AvatarError, type FaultCode } from '../errors.ts';
import { createS3Client, type S3Settings } from './client.ts';
import { explainS3Failure } from './faults.ts';
import { createListGrant } from './list-grant.ts';
import type { S3Place } from './place.ts';
import { isRefusalOfS3, member } from './thrown.ts';

export type S3Diagnosis = {
  readonly credentials: S3Identity | AvatarError;
  readonly region: {
    readonly configured: string | undefined;
    /** As the server says, if it does. */
    readonly actual: string | undefined;
  };
  /** How far this machine's clock is before the server's, which tells whole seconds. */
  readonly clockAheadMs: number | undefined;
  readonly listing: 'granted' | 'refused' | AvatarError;
  /** Of the bucket, whether it is asked for or not; undefined where there is none, but with AWS. */
  readonly acceleration: 'Enabled' | 'Suspended' | 'never enabled' | AvatarError | undefined;
};

type S3Identity = {
  readonly accessKeyId: string;
  /** `the environment`, … */
  readonly source: string;
  /** An ARN or the name of an account, where the server tells. */
  readonly caller: string | undefined;
};

/** What one more request may find gone, and how long after. */
const PASSING = new Set<FaultCode>(['originals_throttled', 'originals_unavailable']);
const PAUSES_MS = [500, 1500];

type Heard = { region: string | undefined; clockAheadMs: number | undefined };

export async function diagnoseS3(settings: S3Settings, signal: AbortSignal): Promise<S3Diagnosis> {
  const { bucket, endpoint } = settings;
  // Of a bucket without acceleration, its accelerated host says nothing but that.
  const client = createS3Client({ ...settings, accelerate: false, maxAttempts: 1 });
  const heard = listen(client);
  try {
    const configured = await client.config.region().catch(() => undefined);
    const credentials = await identify(client, settings, signal);
    const send = { abortSignal: signal };
    // For its headers alone: its failures have no code.
    await client.send(new HeadBucketCommand({ Bucket: bucket }), send).catch(() => undefined);
    const listing = await listingOf(client, settings, signal);
    const acceleration =
      endpoint === undefined ? await accelerationOf(client, settings, signal) : undefined;
    // What was interrupted has failed for no reason of its own.
    signal.throwIfAborted();
    const { region: actual, clockAheadMs } = heard;
    return { credentials, region: { configured, actual }, clockAheadMs, listing, acceleration };
  } finally {
    client.destroy();
  }
}

/** What headers say, of successes and failures alike. */
function listen(client: S3Client): Heard {
  const heard: Heard = { region: undefined, clockAheadMs: undefined };
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const date = Date.parse(headerOf(result.response, 'date') ?? '');
      if (!Number.isNaN(date)) heard.clockAheadMs = Date.now() - date;
      heard.region = headerOf(result.response, 'x-amz-bucket-region') ?? heard.region;
      return result;
    },
    // Next to the network: before anything throws for what came.
    { step: 'deserialize', priority: 'low', name: 'listen' },
  );
  return heard;
}

function headerOf(response: unknown, name: string): string | undefined {
  const headers: unknown = member(response, 'headers');
  const value = member(headers, name);
  return typeof value === 'string' ? value : undefined;
}

/** The beginnings of the SDK's names for where credentials were found, and what these are to people. */
const SOURCES = [
  ['CREDENTIALS_CODE', 'the program'],
  ['CREDENTIALS_ENV_VARS_STS_WEB_ID', 'a web identity'],
  ['CREDENTIALS_STS_ASSUME_ROLE_WEB_ID', 'a web identity'],
  ['CREDENTIALS_ENV_VARS', 'the environment'],
  ['CREDENTIALS_IMDS', "the instance's role"],
  ['CREDENTIALS_HTTP', "the container's role"],
  ['CREDENTIALS_SSO', 'single sign-on'],
  ['CREDENTIALS_PROFILE', 'a profile'],
  ['CREDENTIALS_PROCESS', 'a process'],
] as const;

async function identify(
  client: S3Client,
  place: S3Place,
  signal: AbortSignal,
): Promise<S3Identity | AvatarError> {
  try {
    const identity = await client.config.credentials();
    const features = Object.keys(member(identity, '$source') ?? {});
    const source = SOURCES.find(([start]) => features.some((each) => each.startsWith(start)));
    return {
      accessKeyId: identity.accessKeyId,
      source: source?.[1] ?? "the SDK's chain",
      caller: await callerOf(client, signal),
    };
  } catch (thrown) {
    signal.throwIfAborted();
    const failure = explainS3Failure(thrown, place);
    return failure instanceof AvatarError ? failure : new AvatarError('internal');
  }
}

/** STS would need another client; S3 tells as well, one way or the other. */
async function callerOf(client: S3Client, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { Owner: owner } = await client.send(new ListBucketsCommand({}), { abortSignal: signal });
    return owner?.DisplayName ?? owner?.ID;
  } catch (thrown) {
    signal.throwIfAborted();
    const text = thrown instanceof Error ? thrown.message : '';
    return /User: (?<arn>arn:\S+) is not authorized/.exec(text)?.groups?.['arn'];
  }
}

/** Not by the client's own attempts: it takes silence for a failure that passes. */
async function listingOf(
  client: S3Client,
  place: S3Place,
  signal: AbortSignal,
): Promise<S3Diagnosis['listing']> {
  const grant = createListGrant(client, place);
  const ask = (): Promise<S3Diagnosis['listing']> =>
    grant.ask(signal).then(
      (isGranted) => (isGranted ? 'granted' : 'refused'),
      (error: unknown) => AvatarError.from(error),
    );
  let listing = await ask();
  for (const pause of PAUSES_MS) {
    if (!(listing instanceof AvatarError) || !PASSING.has(listing.code)) return listing;
    await sleep(pause, undefined, { signal });
    listing = await ask();
  }
  return listing;
}

async function accelerationOf(
  client: S3Client,
  place: S3Place,
  signal: AbortSignal,
): Promise<S3Diagnosis['acceleration']> {
  const { bucket } = place;
  try {
    const { Status: status } = await client.send(
      new GetBucketAccelerateConfigurationCommand({ Bucket: bucket }),
      { abortSignal: signal },
    );
    return status ?? 'never enabled';
  } catch (thrown) {
    signal.throwIfAborted();
    if (isRefusalOfS3(thrown)) {
      return new AvatarError('originals_access_denied', {
        detail: `bucket ${bucket}: s3:GetAccelerateConfiguration is not granted`,
      });
    }
    const failure = explainS3Failure(thrown, place);
    return failure instanceof AvatarError ? failure : 'never enabled';
  }
}
