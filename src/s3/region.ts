import type { S3Client } from '@aws-sdk/client-s3';
import { dropBody, regionNamedBy } from './faults.ts';

/** After a region that turned out to be as wrong as the configured one. */
const DISTRUST_MS = 60_000;
/**
 * A label of a host name, so that whatever a server says, with AWS the next request goes to a host of
 * AWS. Where an endpoint is configured it stays the same: the region is only a part of the signature.
 */
const REGION = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * Follows the bucket to the region the server says it is in, once a request, and stays there.
 *
 * The SDK's own `followRegionRedirects` asks the wrong region first each time, does not know
 * AuthorizationHeaderMalformed, and sets the region for whatever other requests the client is at.
 *
 * @param onLearned told when the bucket did answer in the region named
 */
export function followBucketRegion(client: S3Client, onLearned: (region: string) => void): void {
  const configured = client.config.region;
  let learned: string | undefined;
  let isProven = false;
  let distrustedUntil = 0;
  client.config.region = async () => learned ?? (await configured());

  const toFollow = (thrown: unknown, tried: string): string | undefined => {
    const named = regionNamedBy(thrown);
    if (named === undefined || named === tried || !REGION.test(named)) return undefined;
    return performance.now() < distrustedUntil ? undefined : named;
  };

  client.middlewareStack.add(
    (next) => async (args) => {
      const tried = await client.config.region();
      try {
        return await next(args);
      } catch (thrown) {
        const region = toFollow(thrown, tried);
        if (region === undefined) throw thrown;
        dropBody(thrown);
        if (region !== learned) isProven = false;
        learned = region;
      }
      try {
        return await next(args);
      } catch (thrown) {
        if (regionNamedBy(thrown) !== undefined) {
          learned = undefined;
          distrustedUntil = performance.now() + DISTRUST_MS;
        }
        throw thrown;
      } finally {
        if (learned !== undefined && !isProven) {
          isProven = true;
          onLearned(learned);
        }
      }
    },
    { step: 'initialize', name: 'followBucketRegion' },
  );
}
