/** The stores of originals that are configured, opened: for the service and for the command line. */
import type { FastifyBaseLogger } from 'fastify';
import type { Config } from './config/load.ts';
import type { S3Address, StoreAddress } from './config/stores.ts';
import { createFolderStore } from './originals/folder.ts';
import type { OriginalStore } from './originals/store.ts';
import type { S3Settings } from './s3/client.ts';

/** S3 answers within a tenth of a second; many times that is trouble, not load. */
const S3_TIMEOUTS = { connectMs: 1500, stallMs: 3000 };
const FIRST_BYTE_MS = 4000;
const S3_ATTEMPTS = 2;
/** With less time than this for a miss, the waits above are shortened alike, to end before it does. */
const UNHURRIED_MS = 10_000;
/** Beside the reads that are counted: second ones, those of stores on trial, probes. */
const SPARE_SOCKETS = 8;

type Limits = Pick<Config, 'maxOriginalBytes' | 'fetches' | 'deadlineMs'>;
type WarningLogger = Pick<FastifyBaseLogger, 'warn'>;

/** @param logger warned of a bucket that is in another region than configured */
export async function openStores(
  addresses: readonly StoreAddress[],
  limits: Limits,
  logger?: WarningLogger,
): Promise<OriginalStore[]> {
  return await Promise.all(addresses.map((address) => openStore(address, limits, logger)));
}

type S3Use = {
  readonly sockets: number;
  readonly firstByteMs: number;
  /** By how much waits are shortened. */
  readonly pace?: number;
};

export function s3Settings(
  address: S3Address,
  { sockets, firstByteMs, pace = 1 }: S3Use,
): S3Settings {
  const { connectMs, stallMs } = S3_TIMEOUTS;
  return {
    ...address,
    maxSockets: sockets,
    timeouts: {
      connectMs: connectMs * pace,
      firstByteMs: firstByteMs * pace,
      stallMs: stallMs * pace,
    },
    maxAttempts: S3_ATTEMPTS,
  };
}

/** Those a bucket of originals is read with. */
export function originalsSettings(
  address: S3Address,
  limits: Omit<Limits, 'maxOriginalBytes'>,
): S3Settings {
  const sockets = limits.fetches + SPARE_SOCKETS;
  return s3Settings(address, { sockets, firstByteMs: FIRST_BYTE_MS, pace: paceOf(limits) });
}

export function warnOfRegion(
  logger: WarningLogger,
  { bucket, variable }: S3Address,
): (region: string) => void {
  return (region) => {
    const cure = `say region=${region} in ${variable}`;
    logger.warn({ bucket, region, cure }, 'a bucket is in another region than configured');
  };
}

/** By how much waits are shortened. */
export function paceOf({ deadlineMs }: Pick<Config, 'deadlineMs'>): number {
  return Math.min(1, deadlineMs / UNHURRIED_MS);
}

async function openStore(
  address: StoreAddress,
  limits: Limits,
  logger: WarningLogger | undefined,
): Promise<OriginalStore> {
  switch (address.kind) {
    case 'folder':
      return createFolderStore({
        directory: address.directory,
        maxBytes: limits.maxOriginalBytes,
      });
    case 's3': {
      // The SDK takes longer to load than everything else together.
      const { createS3Store } = await import('./originals/s3.ts');
      return createS3Store({
        ...originalsSettings(address, limits),
        maxBytes: limits.maxOriginalBytes,
        onRegionLearned: logger && warnOfRegion(logger, address),
      });
    }
  }
}
