/** The store of variants that all instances share; joined to the rest in `app.ts`. */
import type { FastifyBaseLogger } from 'fastify';
import { SharedCopies } from './avatar/shared-copies.ts';
import type { Config } from './config/load.ts';
import type { S3Address } from './config/stores.ts';
import { throttle } from './flow/throttle.ts';
import type { Forum } from './forum.ts';
import { PROFILE_VERSIONS } from './render/profiles.ts';
import { s3Settings, warnOfRegion } from './stores.ts';
import type { StoreMetrics } from './telemetry/store-metrics.ts';
import { SharedVariantStore } from './variants/shared.ts';
import type { VariantStore } from './variants/store.ts';
import type { AvatarRequest } from './vocabulary/request.ts';

export type Sharing = {
  readonly copies: SharedCopies;
  /** Writes what waits to be written. */
  close(): Promise<void>;
};

/** Reads are given up earlier, by their own deadline; writes have the time they need. */
const FIRST_BYTE_MS = 5000;
/** Ten times what S3 needs. Who waits longer is better served by a render. */
const READ_WITHIN_MS = 1000;
const TROUBLE_EVERY_MS = 60_000;
const CLOSE_WITHIN_MS = 5000;

/** Connections for what is written while others read. */
const WRITES = 8;

export async function openSharing(
  address: S3Address,
  config: Config,
  forum: Forum,
  logger: FastifyBaseLogger,
  metrics: StoreMetrics,
): Promise<Sharing> {
  const store = await openVariantStore(address, config, forum, logger);
  const shared = new SharedVariantStore(store, {
    reads: config.fetches,
    readWithinMs: Math.min(READ_WITHIN_MS, config.deadlineMs / 4),
    onResult: (result) => metrics.sharedVariant(result),
    onWrite: (result) => metrics.sharedWrite(result),
    onTrouble: throttle(TROUBLE_EVERY_MS, ({ detail: reason }, leftOut) =>
      logger.warn(
        { store: store.name, reason, leftOut },
        'the store of variants is in trouble; avatars are served without it',
      ),
    ),
  });
  metrics.watchSharedWrites(() => shared.waiting);
  const copies = new SharedCopies(shared, {
    format: config.format,
    profiles: PROFILE_VERSIONS,
    addressOf: (request) => sharedAddressOf(request, forum),
  });
  return {
    copies,
    close: async () => {
      const dropped = await shared.close(CLOSE_WITHIN_MS);
      if (dropped > 0) logger.warn({ dropped }, 'variants were not written in time');
    },
  };
}

/**
 * The address a picture is shared under; undefined for none. For the service and for whoever fills the
 * store ahead of it.
 */
export function sharedAddressOf(
  request: AvatarRequest,
  { grammar, sharedHostOf }: Pick<Forum, 'grammar' | 'sharedHostOf'>,
): string | undefined {
  const host = sharedHostOf(request.host);
  return host === undefined ? undefined : grammar.format({ ...request, host });
}

/** For both, too. */
export async function openVariantStore(
  address: S3Address,
  { basePath, fetches }: Pick<Config, 'basePath' | 'fetches'>,
  { style }: Pick<Forum, 'style'>,
  logger: Pick<FastifyBaseLogger, 'warn'>,
): Promise<VariantStore> {
  // The SDK takes longer to load than everything else together.
  const { createS3Variants } = await import('./variants/s3.ts');
  return createS3Variants({
    ...s3Settings(address, { sockets: fetches + WRITES, firstByteMs: FIRST_BYTE_MS }),
    // Keys are whole paths, so that a CDN needs no rule to find them.
    prefix: basePath === '' ? address.prefix : `${address.prefix}${basePath.slice(1)}/`,
    cacheControl: style.variantCacheControl,
    onRegionLearned: warnOfRegion(logger, address),
  });
}
