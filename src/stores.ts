/** The stores of originals that are configured, opened: for the service and for the command line. */
import type { Config } from './config/load.ts';
import type { S3Address, StoreAddress } from './config/stores.ts';
import { createFolderStore } from './originals/folder.ts';
import type { OriginalStore } from './originals/store.ts';
import type { S3Settings } from './s3/client.ts';

/** S3 answers within a tenth of a second; many times that is trouble, not load. */
const S3_TIMEOUTS = { connectMs: 1500, firstByteMs: 4000, stallMs: 3000 };
const S3_ATTEMPTS = 2;
/** With less time than this for a miss, the waits above are shortened alike, to end before it does. */
const UNHURRIED_MS = 10_000;
/** Beside the reads that are counted: second ones, those of stores on trial, probes. */
const SPARE_SOCKETS = 8;

type Limits = Pick<Config, 'maxOriginalBytes' | 'fetches' | 'deadlineMs'>;

type StoresOptions = {
  readonly onRegionLearned?: (bucket: string, region: string) => void;
};

export async function openStores(
  addresses: readonly StoreAddress[],
  limits: Limits,
  options: StoresOptions = {},
): Promise<OriginalStore[]> {
  return await Promise.all(addresses.map((address) => openStore(address, limits, options)));
}

export function s3Settings(address: S3Address, limits: Limits): S3Settings {
  const pace = paceOf(limits);
  return {
    ...address,
    maxSockets: limits.fetches + SPARE_SOCKETS,
    timeouts: {
      connectMs: S3_TIMEOUTS.connectMs * pace,
      firstByteMs: S3_TIMEOUTS.firstByteMs * pace,
      stallMs: S3_TIMEOUTS.stallMs * pace,
    },
    maxAttempts: S3_ATTEMPTS,
  };
}

/** By how much waits are shortened. */
export function paceOf({ deadlineMs }: Pick<Config, 'deadlineMs'>): number {
  return Math.min(1, deadlineMs / UNHURRIED_MS);
}

async function openStore(
  address: StoreAddress,
  limits: Limits,
  { onRegionLearned }: StoresOptions,
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
        ...s3Settings(address, limits),
        maxBytes: limits.maxOriginalBytes,
        onRegionLearned: (region) => onRegionLearned?.(address.bucket, region),
      });
    }
  }
}
