import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { SharedVariant, StoredVariant } from '../../src/avatar/ports.ts';
import { LARGEST_VARIANT_BYTES, metadataOf } from '../../src/variants/metadata.ts';
import type { S3VariantsSettings } from '../../src/variants/s3.ts';
import type { VariantStore } from '../../src/variants/store.ts';
import { connectS3, type TestS3 } from '../support/s3-server.ts';
import { CACHE_CONTROL, openVariants, variantOf } from './s3.fixture.ts';

const { signal: never } = new AbortController();
const KEY = 'user_avatar/h/sam/90/1.png';

let s3: TestS3;
let bucket: string;
let count = 0;
const stores: VariantStore[] = [];

beforeAll(async () => {
  s3 = await connectS3(inject('s3'));
  bucket = await s3.createBucket('variants');
});

afterEach(() => s3.proxy.heal());

afterAll(async () => {
  for (const store of stores) store.close();
  await s3.stop();
});

/** A store with a prefix nobody has used. */
function open(settings: Partial<S3VariantsSettings> = {}): VariantStore {
  count += 1;
  const store = openVariants(s3, bucket, { prefix: `test-${count}/`, ...settings });
  stores.push(store);
  return store;
}

async function put(store: VariantStore, variant: SharedVariant, instead?: string): Promise<string> {
  return await store.put(KEY, variant, { instead, signal: never });
}

async function read(store: VariantStore, key = KEY): Promise<StoredVariant | undefined> {
  return await store.read(key, never);
}

describe('a variant in S3', () => {
  it('is read as it was put', async () => {
    const store = open();
    const variant = variantOf('whole', { format: 'jpg', etag: 'jpg1-90-abc', asked: 'original' });
    expect(await put(store, variant)).toBe('stored');
    expect((await read(store))?.variant).toEqual(variant);
  });

  it('is described without its bytes', async () => {
    const store = open();
    const variant = variantOf('whole');
    await put(store, variant);
    const { bytes: _, ...rest } = variant;
    const reads = s3.requests();
    const described = await store.describe(KEY, never);
    expect(described?.variant).toMatchObject(rest);
    expect(described?.version).toBe((await read(store))?.version);
    expect(s3.requests() - reads).toBe(1);
  });

  it('that is not there is neither read nor described', async () => {
    const store = open();
    expect(await read(store)).toBeUndefined();
    expect(await store.describe(KEY, never)).toBeUndefined();
  });

  it('costs one request', async () => {
    const store = open();
    await put(store, variantOf('whole'));
    const before = s3.proxy.requests();
    await read(store);
    await read(store, 'nothing');
    expect(s3.proxy.requests() - before).toBe(2);
  });

  it('is not put where somebody else has put one', async (context) => {
    if (s3.kind === 'fauxqs') context.skip('this server knows no conditional writes');
    const store = open();
    await put(store, variantOf('first'));
    expect(await put(store, variantOf('second'))).toBe('conflict');
    expect((await read(store))?.variant).toEqual(variantOf('first'));
  });

  it('replaces the very one that was found, and no other', async (context) => {
    if (s3.kind === 'fauxqs') context.skip('this server knows no conditional writes');
    const store = open();
    await put(store, variantOf('first'));
    const found = await read(store);
    expect(await put(store, variantOf('second'), found?.version)).toBe('stored');
    expect(await put(store, variantOf('third'), found?.version)).toBe('conflict');
    expect((await read(store))?.variant).toEqual(variantOf('second'));
  });

  it('replaces nothing that is gone', async (context) => {
    if (s3.kind === 'fauxqs') context.skip('this server knows no conditional writes');
    expect(await put(open(), variantOf('second'), 'abc')).toBe('conflict');
  });

  it('is put without conditions where they are not implemented', async () => {
    const store = open();
    s3.proxy.inject({ kind: 'reply', status: 501, body: error('NotImplemented') }, { times: 1 });
    expect(await put(store, variantOf('first'))).toBe('stored');
    expect(await put(store, variantOf('second'), 'unknown')).toBe('stored');
    expect((await read(store))?.variant).toEqual(variantOf('second'));
  });

  it('is put where Object Lock asks for a checksum with every object', async () => {
    const store = open();
    s3.proxy.inject(NO_CHECKSUM, { unless: hasChecksum });
    expect(await put(store, variantOf('locked'))).toBe('stored');
    expect(await store.tryToPut('doctor', never)).toBe('refused');
    expect((await read(store))?.variant).toEqual(variantOf('locked'));
  });

  it('is tried to be put as it would be put: only where there is nothing yet', async () => {
    const store = open();
    const body = error('AccessDenied');
    const isConditional = ({ method, headers }: IncomingMessage): boolean =>
      method !== 'PUT' || headers['if-none-match'] === '*';
    s3.proxy.inject({ kind: 'reply', status: 403, body }, { unless: isConditional });
    expect(await store.tryToPut('doctor', never)).toBe('refused');
    expect(await put(store, variantOf('whole'))).toBe('stored');
    expect(await store.tryToPut(KEY, never).catch(String)).not.toBe('kept');
    expect((await read(store))?.variant).toEqual(variantOf('whole'));
  });

  it('is put without conditions as often as several find out at once', async () => {
    const store = open();
    s3.proxy.inject({ kind: 'reply', status: 501, body: error('NotImplemented') }, { times: 8 });
    const written = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const options = { signal: never, instead: undefined };
        return await store.put(`${KEY} ${index}`, variantOf(`number ${index}`), options);
      }),
    );
    expect(written).toEqual(Array.from({ length: 8 }, () => 'stored'));
  });

  it('is not there for who may not list the bucket either, and cannot be put', async (context) => {
    if (!s3.checksPolicies) context.skip('this server has no policies');
    const credentials = await s3.createReader({ bucket, list: false });
    const store = open({ credentials });
    expect(await read(store)).toBeUndefined();
    expect(await store.describe(KEY, never)).toBeUndefined();
    await expect(put(store, variantOf('whole'))).rejects.toMatchObject({
      code: 'originals_access_denied',
      detail: expect.stringContaining('s3:PutObject'),
    });
  });
});

describe('the object', () => {
  it.each([
    ['sam', '/user_avatar/h/sam/90/1.png'],
    ['jörg+名前', '/user_avatar/h/j%C3%B6rg%2B%E5%90%8D%E5%89%8D/90/1.png'],
    [`!*'()~,;:@&=$`, `/user_avatar/h/!*'()~%2C%3B%3A%40%26%3D%24/90/1.png`],
    ['50%25', '/user_avatar/h/50%2525/90/1.png'],
  ])('of %s is at the path of its address, and is sent as the service does', async (user, path) => {
    const store = open();
    const key = `user_avatar/h/${user}/90/1.png`;
    await store.put(key, variantOf('public'), { signal: never });
    await s3.allowPublicReads(bucket);
    const reply = await get(`/${bucket}/test-${count}${path}`);
    expect(reply.status).toBe(200);
    expect(reply.body.toString()).toBe('public');
    // The emulator forgets it.
    const cacheControl = s3.kind === 'fauxqs' ? {} : { 'cache-control': CACHE_CONTROL };
    expect(reply.headers).toMatchObject({ 'content-type': 'image/png', ...cacheControl });
  });
});

type Headers = Readonly<Record<string, string | undefined>>;

describe('an object that is of no use', () => {
  it.each<[string, Headers]>([
    ['another media type', { 'content-type': 'text/html' }],
    ['no media type', { 'content-type': undefined }],
    ['another format than its tag', { 'content-type': 'image/webp' }],
    [
      'a vector image',
      { 'content-type': 'image/svg+xml', 'x-amz-meta-avatar-etag': 'svg1-90-abc' },
    ],
    ['no tag', { 'x-amz-meta-avatar-etag': undefined }],
    ['a tag that could end a header', { 'x-amz-meta-avatar-etag': 'png1-90-a"b' }],
    ['no checksum', { 'x-amz-meta-avatar-sha256': undefined }],
    ['no date', { 'x-amz-meta-avatar-last-modified': 'yesterday' }],
    ['nobody’s format', { 'x-amz-meta-avatar-asked': 'bmp' }],
    ['more bytes than any avatar', { 'content-length': '99000000' }],
  ])('has %s, and is not given out', async (_what, headers) => {
    const store = open();
    await put(store, variantOf('whole'));
    s3.proxy.inject({ kind: 'headers', headers });
    expect(await read(store)).toEqual({ variant: undefined, version: expect.any(String) });
    // Its connection was the only one.
    s3.proxy.heal();
    expect((await read(store))?.variant).toEqual(variantOf('whole'));
  });

  it('is larger than any avatar, and does not say so beforehand', async () => {
    const store = open();
    const variant = variantOf('-'.repeat(LARGEST_VARIANT_BYTES + 1));
    await s3.put(bucket, `test-${count}/${KEY}`, variant.bytes);
    const headers = { ...headersOf(variant), 'content-length': undefined };
    s3.proxy.inject({ kind: 'headers', headers });
    expect(await read(store)).toEqual({ variant: undefined, version: expect.any(String) });
  });

  it('has no entity tag, and keeps no connection', async () => {
    const store = open();
    // More than fits into the sockets: what is merely forgotten never ends.
    await s3.put(bucket, `test-${count}/${KEY}`, Buffer.alloc(LARGEST_VARIANT_BYTES));
    s3.proxy.inject({ kind: 'headers', headers: { etag: undefined } });
    await expect(read(store)).rejects.toMatchObject({ code: 'originals_bad_reply' });
    s3.proxy.heal();
    expect(await read(store)).toEqual({ variant: undefined, version: expect.any(String) });
  });

  it('was damaged where it is kept', async () => {
    const store = open();
    const variant = variantOf('whole');
    s3.proxy.inject({ kind: 'headers', headers: headersOf(variant) });
    const key = `test-${count}/${KEY}`;
    await s3.put(bucket, key, variant.bytes);
    expect((await read(store))?.variant).toEqual(variant);
    await s3.put(bucket, key, Buffer.from('whose'));
    expect(await read(store)).toEqual({ variant: undefined, version: expect.any(String) });
  });
});

describe('trouble', () => {
  it('is thrown, with what to do about it', async () => {
    const store = open({ bucket: 'no-such-bucket-here' });
    const expected = {
      code: 'originals_bucket_missing',
      detail: expect.stringContaining('correct AVATAR_VARIANTS'),
    };
    await expect(read(store)).rejects.toMatchObject(expected);
    await expect(put(store, variantOf('whole'))).rejects.toMatchObject(expected);
  });

  it.each([
    [
      'a rule of the bucket',
      'User: u is not authorized to perform: s3:PutObject with an explicit deny in a resource-based policy',
      /a policy forbids it to this role, or without a header.*explicit deny/,
    ],
    [
      'a key of KMS',
      'User: u is not authorized to perform: kms:GenerateDataKey on resource: k',
      /s3:PutObject on its objects \(and kms:GenerateDataKey and kms:Decrypt where/,
    ],
  ])('of %s is told with its cure', async (_what, said, detail) => {
    const store = open();
    const body = error('AccessDenied', said);
    s3.proxy.inject({ kind: 'reply', status: 403, body });
    await expect(put(store, variantOf('whole'))).rejects.toMatchObject({
      code: 'originals_access_denied',
      detail: expect.stringMatching(detail),
    });
  });

  it('of a session that has expired is told from a server that is none of S3', async () => {
    const store = open();
    s3.proxy.inject({ kind: 'reply', status: 400, body: error('ExpiredToken') });
    // A reply to HEAD has no body.
    s3.proxy.inject({ kind: 'reply', status: 400 }, { unless: ({ method }) => method !== 'HEAD' });
    await expect(store.describe(KEY, never)).rejects.toMatchObject({
      code: 'originals_credentials',
      detail: expect.stringContaining('renew AWS_SESSION_TOKEN'),
    });
    s3.proxy.heal();
    s3.proxy.inject({ kind: 'reply', status: 400 }, { unless: ({ method }) => method !== 'HEAD' });
    await expect(store.describe(KEY, never)).rejects.toMatchObject({
      code: 'originals_bad_reply',
      detail: expect.stringContaining('check endpoint='),
    });
  });

  it('of a body that is cut is not taken for a damaged variant', async () => {
    const store = open();
    await put(store, variantOf('whole'));
    s3.proxy.inject({ kind: 'cut' });
    await expect(read(store)).rejects.toMatchObject({ code: 'originals_bad_reply' });
    s3.proxy.heal();
    expect((await read(store))?.variant).toBeDefined();
  });

  it('of a server that never answers ends when nobody waits any more', async () => {
    const store = open();
    s3.proxy.inject({ kind: 'silence' });
    const controller = new AbortController();
    const before = s3.proxy.requests();
    const reading = store.read(KEY, controller.signal);
    await expect.poll(() => s3.proxy.requests()).toBeGreaterThan(before);
    controller.abort(new Error('left'));
    await expect(reading).rejects.toThrow('left');
    s3.proxy.heal();
    expect(await read(store)).toBeUndefined();
  });
});

/** As they are sent with the object. */
function headersOf(variant: SharedVariant): Record<string, string> {
  const metadata = Object.entries(metadataOf(variant)).map(([name, value]) => [
    `x-amz-meta-${name}`,
    value,
  ]);
  return { 'content-type': 'image/png', ...Object.fromEntries(metadata) };
}

function error(code: string, said = code): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${said}</Message></Error>`;
}

/** As AWS answers where the default retention of Object Lock applies. */
const NO_CHECKSUM = {
  kind: 'reply',
  status: 400,
  body: error(
    'InvalidRequest',
    'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters',
  ),
} as const;

function hasChecksum({ method, headers }: IncomingMessage): boolean {
  const isChecksum = (name: string): boolean =>
    name === 'content-md5' || name.startsWith('x-amz-checksum-');
  return method !== 'PUT' || Object.keys(headers).some(isChecksum);
}

/** As a CDN asks: without a signature, the path as it is. */
async function get(
  path: string,
): Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }> {
  const { hostname: host, port } = new URL(s3.endpoint);
  return await new Promise((resolve, reject) => {
    request({ host, port, path }, (response) => {
      const { statusCode: status = 0, headers } = response;
      buffer(response).then((body) => resolve({ status, headers, body }), reject);
    })
      .on('error', reject)
      .end();
  });
}
