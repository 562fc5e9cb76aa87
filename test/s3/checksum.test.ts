import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BodyChecks } from '../../src/s3/checksum.ts';
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
