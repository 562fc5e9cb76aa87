import { afterAll, beforeAll, inject } from 'vitest';
import { createS3Store, type S3OriginalsSettings } from '../../src/originals/s3.ts';
import type { OriginalStore } from '../../src/originals/store.ts';
import { connectS3, type TestS3 } from '../support/s3-server.ts';

type S3Fixture = {
  readonly s3: TestS3;
  readonly bucket: string;
  /** A store of that bucket, closed after the tests. */
  readonly open: (settings?: Partial<S3OriginalsSettings>) => OriginalStore;
};

/** The server of this run and a bucket of one's own, for the tests of one file. */
export function useS3(): () => S3Fixture {
  const stores: OriginalStore[] = [];
  let fixture: S3Fixture | undefined;

  beforeAll(async () => {
    const s3 = await connectS3(inject('s3'));
    const bucket = await s3.createBucket('originals');
    const open = (settings: Partial<S3OriginalsSettings> = {}): OriginalStore => {
      const store = createS3Store({ ...defaults(s3, bucket), ...settings });
      stores.push(store);
      return store;
    };
    fixture = { s3, bucket, open };
  });

  afterAll(async () => {
    for (const store of stores) store.close();
    await fixture?.s3.stop();
  });

  return () => {
    if (fixture === undefined) throw new Error('only within a test');
    return fixture;
  };
}

function defaults(s3: TestS3, bucket: string): S3OriginalsSettings {
  return {
    bucket,
    variable: 'AVATAR_ORIGINALS',
    prefix: '',
    region: 'us-east-1',
    endpoint: s3.endpoint,
    credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
    maxBytes: 1_000_000,
    // One, so that a connection which is not given back is missed by the next read.
    maxSockets: 1,
    timeouts: { connectMs: 5000, firstByteMs: 10_000, stallMs: 10_000 },
    maxAttempts: 1,
  };
}
