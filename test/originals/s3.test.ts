import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, it, vi } from 'vitest';
import { connectS3 } from '../support/s3-server.ts';
import { createS3Store } from '../../src/originals/s3.ts';
import { useS3 } from './s3.fixture.ts';
import { describeStore, never, readOriginal } from './store-suite.ts';

const { kind } = inject('s3');

describeStore('S3', async () => {
  const s3 = await connectS3(inject('s3'));
  const bucket = await s3.createBucket('suite');
  return {
    put: (key, bytes) => s3.put(bucket, `of forums/${key}`, bytes),
    openStore: (maxBytes) =>
      createS3Store({
        bucket,
        variable: 'AVATAR_ORIGINALS',
        prefix: 'of forums/',
        region: 'us-east-1',
        endpoint: s3.endpoint,
        credentials: s3,
        maxBytes,
        maxSockets: 8,
        timeouts: { connectMs: 5000, firstByteMs: 10_000, stallMs: 10_000 },
        maxAttempts: 2,
      }),
    close: () => s3.stop(),
  };
});

describe('S3', () => {
  const fixture = useS3();

  it('is named after bucket and prefix', () => {
    const { bucket, open } = fixture();

    expect(open().name).toBe(`s3://${bucket}`);
    expect(open({ prefix: 'a/b/' }).name).toBe(`s3://${bucket}/a/b`);
  });

  it('has keys that begin with the prefix', async () => {
    const { s3, bucket, open } = fixture();
    await s3.put(bucket, 'folder/key', Buffer.from('in the folder'));

    const original = await readOriginal(open({ prefix: 'folder/' }), 'key');
    expect(original.bytes.toString()).toBe('in the folder');
    expect(await open({ prefix: 'fold/' }).read('er/key', { signal: never })).toBeUndefined();
  });

  it('is asked once for each read, whatever comes of it', async () => {
    const { s3, bucket, open } = fixture();
    await s3.put(bucket, 'once', Buffer.alloc(2000));
    const store = open();
    const { etag } = await readOriginal(store, 'once');
    const before = [s3.requests(), s3.proxy.requests()] as const;

    await store.read('once', { signal: never });
    await store.read('once', { signal: never, ifNoneMatch: etag });
    await store.read('nothing', { signal: never });
    await expect(open({ maxBytes: 10 }).read('once', { signal: never })).rejects.toThrow(/bytes/);

    expect([s3.requests() - before[0], s3.proxy.requests() - before[1]]).toEqual([4, 4]);
  });

  it.each([
    ['it is too large', 'too-large', 'original_too_large', {}],
    ['it has no entity tag', 'tagless', 'originals_bad_reply', { etag: undefined }],
  ])(
    'keeps no connection to what it does not read because %s',
    async (_why, key, code, headers) => {
      const { s3, bucket, open } = fixture();
      // More than fits into the sockets: what is merely forgotten never ends.
      await s3.put(bucket, key, Buffer.alloc(5_000_000));
      await s3.put(bucket, 'small', Buffer.from('small'));
      const store = open({ maxBytes: key === 'too-large' ? 1_000_000 : 6_000_000 });
      s3.proxy.inject({ kind: 'headers', headers });
      await expect(store.read(key, { signal: never })).rejects.toMatchObject({ code });
      s3.proxy.heal();
      expect((await readOriginal(store, 'small')).bytes.toString()).toBe('small');
    },
  );

  it('does not give up a body that waits for memory, however long that takes', async () => {
    const { s3, bucket, open } = fixture();
    // More than fits into the sockets: the rest comes when it is read.
    const bytes = Buffer.alloc(20_000_000, 'original');
    await s3.put(bucket, 'large', bytes);
    const timeouts = { connectMs: 5000, firstByteMs: 500, stallMs: 500 };
    const store = open({ timeouts, maxBytes: 30_000_000 });
    const claim = async (): Promise<void> => await sleep(2500);
    const original = await store.read('large', { signal: never, claim });
    expect(original).toMatchObject({ bytes: expect.any(Buffer) });
    if (original === undefined || original === 'unchanged') throw new Error('no original');
    expect(original.bytes.equals(bytes)).toBe(true);
  });

  it.runIf(kind !== 'fauxqs')('that does not accept the secret names what to mend', async () => {
    const { s3, open } = fixture();
    const secretAccessKey = 'a-wrong-secret';
    const store = open({ credentials: { accessKeyId: s3.accessKeyId, secretAccessKey } });
    const expected = {
      code: 'originals_credentials',
      status: 502,
      detail: expect.stringMatching(/AWS_SECRET_ACCESS_KEY.*SignatureDoesNotMatch/),
    };

    await expect(store.read('a', { signal: never })).rejects.toMatchObject(expected);
    await expect(store.probe(never)).rejects.toMatchObject(expected);
    await expect(store.probe(never)).rejects.not.toMatchObject({
      message: expect.stringContaining(secretAccessKey),
    });
  });

  it.runIf(kind !== 'fauxqs')('that does not know the key id names what to mend', async () => {
    const credentials = { accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'x' };
    const store = fixture().open({ credentials });
    const expected = {
      code: 'originals_credentials',
      detail: expect.stringContaining('AWS_ACCESS_KEY_ID'),
    };

    await expect(store.read('a', { signal: never })).rejects.toMatchObject(expected);
    await expect(store.probe(never)).rejects.toMatchObject(expected);
  });

  it('without the bucket is a fault, not a missing avatar', async () => {
    const store = fixture().open({ bucket: 'there-is-no-such-bucket' });
    const expected = {
      code: 'originals_bucket_missing',
      status: 502,
      detail: expect.stringContaining('there-is-no-such-bucket'),
    };

    await expect(store.read('a', { signal: never })).rejects.toMatchObject(expected);
    await expect(store.probe(never)).rejects.toMatchObject(expected);
  });

  describe.runIf(kind === 'rgw')('to a reader whom policies allow', () => {
    it.each([
      { rights: 'GetObject and ListBucket', list: true },
      { rights: 'GetObject alone', list: false },
    ])('$rights, gives what there is and undefined for what is not', async ({ list }) => {
      const { s3, open } = fixture();
      const bucket = await s3.createBucket('policy');
      await s3.put(bucket, 'a', Buffer.from('bytes'));
      const store = open({ bucket, credentials: await s3.createReader({ bucket, list }) });

      const missing = await store.read('nothing', { signal: never });
      const original = await readOriginal(store, 'a');

      expect(missing).toBeUndefined();
      expect(original.bytes.toString()).toBe('bytes');
      await expect(store.probe(never)).resolves.toBeUndefined();
    });
  });

  it('reads what credentials of the environment allow', async () => {
    const { s3, bucket, open } = fixture();
    await s3.put(bucket, 'environment', Buffer.from('bytes'));
    vi.stubEnv('AWS_ACCESS_KEY_ID', s3.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.secretAccessKey);
    vi.stubEnv('AWS_REGION', 'eu-central-1');
    // A profile would come before them.
    vi.stubEnv('AWS_PROFILE', undefined);

    const original = await readOriginal(
      open({ credentials: undefined, region: undefined }),
      'environment',
    );

    vi.unstubAllEnvs();
    expect(original.bytes.toString()).toBe('bytes');
  });
});
