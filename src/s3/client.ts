import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { S3HttpHandler } from './http-handler.ts';
import type { S3Place } from './place.ts';
import { followBucketRegion } from './region.ts';

type S3Timeouts = {
  /** From asking for a connection to having one. */
  readonly connectMs: number;
  /** From sending a request, connecting included, to the headers of the reply. */
  readonly firstByteMs: number;
  /** Between two pieces of a body. */
  readonly stallMs: number;
};

/** Longer than the longest deadline that can be configured. */
const LONGEST_PAUSE_MS = 150_000;

export type S3Settings = S3Place & {
  /** Default: the SDK's chain (`AWS_REGION`, profile, …). */
  readonly region?: string | undefined;
  /** For S3 that is not AWS: `https://s3.example.net`. */
  readonly endpoint?: string | undefined;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. Default: when there is an endpoint. */
  readonly pathStyle?: boolean | undefined;
  /** S3 Transfer Acceleration; not with an endpoint of one's own or path style. */
  readonly accelerate?: boolean | undefined;
  /** Endpoints that can be reached over IPv6. */
  readonly dualstack?: boolean | undefined;
  /** Connections at once; what is above waits inside the SDK, unseen, so admit no more than that. */
  readonly maxSockets: number;
  readonly timeouts: S3Timeouts;
  /** Of one request, the first included. */
  readonly maxAttempts: number;
  /** Default: the SDK's chain (environment, profile, web identity, container, instance). */
  readonly credentials?: S3ClientConfig['credentials'];
  /** The bucket is in this region, not in the one that was configured; it is asked there from now on. */
  readonly onRegionLearned?: ((region: string) => void) | undefined;
};

/** An S3 client with every wait bounded: the SDK's own defaults wait for ever. */
export function createS3Client(settings: S3Settings): S3Client {
  const { region, endpoint, pathStyle, accelerate, dualstack, credentials, timeouts } = settings;
  const agent = { keepAlive: true, maxSockets: settings.maxSockets };
  const client = new S3Client({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: pathStyle ?? endpoint !== undefined,
    ...(accelerate === undefined ? {} : { useAccelerateEndpoint: accelerate }),
    ...(dualstack === undefined ? {} : { useDualstackEndpoint: dualstack }),
    maxAttempts: settings.maxAttempts,
    retryMode: 'standard',
    // TLS already guards bytes on their way, and the checking wrapper around a body would keep its
    // socket when the body is abandoned. Other servers than AWS don't know the newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: new S3HttpHandler({
      httpAgent: agent,
      httpsAgent: agent,
      connectionTimeout: timeouts.connectMs,
      requestTimeout: timeouts.firstByteMs,
      // Else the SDK only prints a warning.
      throwOnRequestTimeout: true,
      // For bodies the SDK reads itself, errors and listings. What watches the others ends them sooner,
      // and knows when a body is not read because there is no memory for it.
      socketTimeout: LONGEST_PAUSE_MS,
    }),
  });
  followBucketRegion(client, settings.onRegionLearned ?? (() => undefined));
  return client;
}
