import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BodyChecks, digestOf } from '../../src/s3/checksum.ts';
import { useS3 } from '../originals/s3.fixture.ts';
import { never, readOriginal } from '../originals/store-suite.ts';

const fixture = useS3();

beforeAll(async () => {
  const { s3, bucket } = fixture();
  for (const key of ['a', 'b', 'c', 'd']) await s3.put(bucket, key, Buffer.from(`bytes of ${key}`));
});

afterEach(() => fixture().s3.proxy.heal());

describe('a body with another checksum than its object', () => {
  it('is refused by a store whose tags have been checksums, and read when it comes whole', async () => {
    const { s3, open } = fixture();
    const store = open();
    for (const key of ['a', 'b', 'c']) await readOriginal(store, key);
    s3.proxy.inject({ kind: 'corrupt' });

    await expect(store.read('d', { signal: never })).rejects.toMatchObject({
      code: 'originals_bad_reply',
      detail: expect.stringMatching(/\/d: the checksum/),
    });

    s3.proxy.heal();
    expect(String((await readOriginal(store, 'd')).bytes)).toBe('bytes of d');
  });

  it('is believed where the tags are something else', async () => {
    const { s3, open } = fixture();
    const store = open();
    const tag = '0123456789abcdef0123456789abcdef';
    s3.proxy.inject({ kind: 'headers', headers: { etag: `"${tag}"` } });
    for (const key of ['a', 'b', 'c', 'd', 'a']) {
      expect(await readOriginal(store, key)).toMatchObject({
        etag: tag,
        bytes: Buffer.from(`bytes of ${key}`),
      });
    }
  });

  it.each([
    ['was uploaded in parts', { ETag: '"0123456789abcdef0123456789abcdef-2"' }],
    ['is encrypted with a key of KMS', { ServerSideEncryption: 'aws:kms' as const }],
    ['is encrypted with a key of the client', { SSECustomerAlgorithm: 'AES256' }],
    ['has no tag', { ETag: undefined }],
  ])('is not looked for in an object that %s', (_how, described) => {
    const plain = { ETag: '"0123456789abcdef0123456789abcdef"' };
    expect(new BodyChecks().begin(plain)).toBeDefined();
    expect(new BodyChecks().begin({ ...plain, ...described })).toBeUndefined();
  });
});

describe('the digest that is sent with a body', () => {
  it('is MD5, or SHA-256 where a machine may not compute that', async () => {
    const { s3, bucket } = fixture();
    const body = Buffer.from('abc');
    expect(digestOf(body, false)).toEqual({ ContentMD5: 'kAFQmDzST7DWlj99KOF/cg==' });
    const ofFips = digestOf(body, true);
    expect(ofFips).toEqual({ ChecksumSHA256: 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=' });
    const client = new S3Client({
      endpoint: s3.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    const refusal = { kind: 'reply', status: 400 } as const;
    const sent = 'x-amz-checksum-sha256';
    s3.proxy.inject(refusal, { unless: ({ headers }) => headers[sent] === ofFips.ChecksumSHA256 });
    const object = { Bucket: bucket, Key: 'sent', Body: body };
    await client.send(new PutObjectCommand({ ...object, ...ofFips }));
    client.destroy();
    expect(await s3.has(bucket, 'sent')).toBe(true);
  });
});
