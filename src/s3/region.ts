import { AsyncLocalStorage } from 'node:async_hooks';
import type { S3Client } from '@aws-sdk/client-s3';
import { dropBody, isReplyOfS3, regionNamedBy } from './thrown.ts';

/** After a region that turned out to be as wrong as the configured one. */
const DISTRUST_MS = 60_000;
/**
 * A label of a host name, so that whatever a server says, with AWS the next request goes to a host of
 * AWS. Where an endpoint is configured it stays the same: the region is only a part of the signature.
 */
const REGION = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * Follows the bucket to the region the server says it is in, once a request, and stays there when it
 * is answered there. Without an answer it is followed anew each time: what cannot be reached may not
 * be a region at all.
 *
 * The SDK's own `followRegionRedirects` asks the wrong region first each time, does not know
 * AuthorizationHeaderMalformed, and sets the region for whatever other requests the client is at.
 *
 * @param onLearned told when the bucket did answer in the region named
 */
export function followBucketRegion(client: S3Client, onLearned: (region: string) => void): void {
  const configured = client.config.region;
  /** For the one request that follows the bucket: the client's region is that of all it is at. */
  const followed = new AsyncLocalStorage<string>();
  let learned: string | undefined;
  let distrustedUntil = 0;
  client.config.region = async () => followed.getStore() ?? learned ?? (await configured());

  const learn = (region: string): void => {
    if (region === learned) return;
    learned = region;
    onLearned(region);
  };

  const toFollow = (thrown: unknown, tried: string): string | undefined => {
    const named = regionNamedBy(thrown);
    if (named === undefined || named === tried || !REGION.test(named)) return undefined;
    return performance.now() < distrustedUntil ? undefined : named;
  };

  client.middlewareStack.add(
    (next) => async (args) => {
      const tried = await client.config.region();
      let region: string | undefined;
      try {
        return await next(args);
      } catch (thrown) {
        region = toFollow(thrown, tried);
        if (region === undefined) throw thrown;
        dropBody(thrown);
      }
      try {
        const result = await followed.run(region, () => next(args));
        learn(region);
        return result;
      } catch (thrown) {
        if (regionNamedBy(thrown) !== undefined) {
          learned = undefined;
          distrustedUntil = performance.now() + DISTRUST_MS;
        } else if (isReplyOfS3(thrown)) {
          learn(region);
        }
        throw thrown;
      }
    },
    { step: 'initialize', name: 'followBucketRegion' },
  );
}
