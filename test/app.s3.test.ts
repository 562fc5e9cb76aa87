/** The service on a real S3 server: what operators will see of it, from upload to reply. */
import type { IncomingMessage } from 'node:http';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { startApp, type TestApp } from './support/app.ts';
import { card, distanceFromCard, lookAt } from './support/cards.ts';
import { connectS3, type S3Credentials, type TestS3 } from './support/s3-server.ts';

const JONGNAM = '/user_avatar/meta.discourse.org/jongnam/90/52330_1.png';

let s3: TestS3;
let bucket: string;
const apps: TestApp[] = [];

beforeAll(async () => {
  s3 = await connectS3(inject('s3'));
  bucket = await s3.createBucket('originals');
  // As a phone stores it: turned, and the place it was taken at.
  const upright = await card(3000, 4000).png({ compressionLevel: 1 }).toBuffer();
  const photo = await sharp(
    await sharp(upright).rotate(270).png({ compressionLevel: 1 }).toBuffer(),
  )
    .withExif({ IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '47/1 22/1 0/1' } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer();
  await s3.put(bucket, 'meta.discourse.org/jongnam/52330_1', photo);
});

afterEach(async () => {
  s3.proxy.heal();
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

afterAll(() => s3.stop());

/** As an operator has it: the credentials in the environment, the rest in the address. */
async function start(
  variables: Record<string, string> = {},
  { accessKeyId, secretAccessKey }: S3Credentials = s3,
): Promise<TestApp> {
  process.env['AWS_ACCESS_KEY_ID'] = accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = secretAccessKey;
  const app = await startApp({
    AVATAR_ORIGINALS: `s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}`,
    ...variables,
  });
  apps.push(app);
  return app;
}

describe('an avatar from S3', () => {
  it('is upright, 90 by 90, without EXIF, and may be kept for a year', async () => {
    const app = await start();
    const reply = await app.server.inject(JONGNAM);
    expect(reply.statusCode).toBe(200);
    const picture = await lookAt(reply.rawPayload);
    expect(picture).toMatchObject({ width: 90, height: 90 });
    expect(distanceFromCard(picture.corners)).toBeLessThan(20);
    expect(await sharp(reply.rawPayload).metadata()).not.toHaveProperty('exif');
    expect(reply.headers['cache-control']).toBe('public, max-age=31536000, immutable');
  });

  it('is revalidated without a second GetObject', async () => {
    const app = await start();
    const { etag } = (await app.server.inject(JONGNAM)).headers;
    const reads = s3.requests();
    const headers = { 'if-none-match': String(etag) };
    expect((await app.server.inject({ url: JONGNAM, headers })).statusCode).toBe(304);
    expect(s3.requests()).toBe(reads);
  });

  it('is revalidated by a fresh instance with a GetObject that brings no body, and no render', async () => {
    const { etag } = (await (await start()).server.inject(JONGNAM)).headers;
    const other = await start();
    const reply = await other.server.inject({
      url: JONGNAM,
      headers: { 'if-none-match': String(etag) },
    });
    expect(reply.statusCode).toBe(304);
    expect(await other.metric('avatar_original_reads_total', { result: 'unchanged' })).toBe(1);
    expect(await other.metric('avatar_render_duration_seconds_count')).toBe(0);
  });

  it('has the same headers for HEAD as for GET', async () => {
    const app = await start();
    const head = await app.server.inject({ method: 'HEAD', url: JONGNAM });
    const get = await app.server.inject(JONGNAM);
    const compared = ({ headers }: typeof head) => ({ ...headers, date: '', 'cache-status': '' });
    expect(compared(head)).toEqual(compared(get));
    expect(head.body).toBe('');
  });

  it('asked for in 5 sizes by 200 at once is read once, and rendered once a size', async () => {
    const app = await start({ AVATAR_RENDERS: '2' });
    const before = s3.requests();
    const sizes = [24, 48, 96, 144, 288];
    const replies = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        app.server.inject(JONGNAM.replace('/90/', `/${sizes[index % sizes.length]}/`)),
      ),
    );
    expect(replies.map(({ statusCode }) => statusCode)).toEqual(replies.map(() => 200));
    for (const size of sizes) {
      const same = replies.filter((_, index) => sizes[index % sizes.length] === size);
      expect(new Set(same.map(({ headers }) => headers['etag'])).size).toBe(1);
      expect(await lookAt(same[0]?.rawPayload ?? Buffer.alloc(0))).toMatchObject({ width: size });
    }
    expect(s3.requests() - before).toBe(1);
    expect(await app.metric('avatar_rendered_variants_total')).toBe(sizes.length);
    expect(await app.metric('avatar_requests_total', { outcome: 'joined' })).toBe(195);
  });

  it('is ready while the bucket can be read', async () => {
    const app = await start();
    expect((await app.server.inject('/readyz')).statusCode).toBe(200);
  });
});

describe('what is wrong with a bucket', () => {
  it('missing: 502, not ready, and the log says what to do', async () => {
    const app = await start({
      AVATAR_ORIGINALS: `s3://no-such-bucket-here?region=us-east-1&endpoint=${s3.endpoint}`,
    });
    const reply = await app.server.inject(JONGNAM);
    expect(reply.statusCode).toBe(502);
    expect(reply.headers['cache-control']).toBe('no-store');
    expect(reply.json()).toMatchObject({ code: 'originals_bucket_missing' });
    expect(reply.body).not.toContain('no-such-bucket');
    const line = app.lines.find(({ outcome }) => outcome === 'originals_bucket_missing');
    expect(line?.['reason']).toContain('AVATAR_ORIGINALS');
    expect((await app.server.inject('/readyz')).statusCode).toBe(502);
  });

  it('another region, of originals or of variants: 200, and the log says where to say it', async () => {
    const headers = { 'x-amz-bucket-region': 'eu-west-1' };
    const isThere = ({ headers: { authorization } }: IncomingMessage): boolean =>
      authorization?.includes('/eu-west-1/s3/') === true;
    const address = `s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}`;
    const app = await start({ AVATAR_VARIANTS: address.replace('?', '/variants?') });
    s3.proxy.inject({ kind: 'reply', status: 301, headers }, { unless: isThere });
    expect((await app.server.inject(JONGNAM)).statusCode).toBe(200);
    const warnings = app.lines.filter(({ msg }) => /in another region/.test(String(msg)));
    expect(warnings).toHaveLength(2);
    expect(warnings).toEqual(
      expect.arrayContaining(
        ['AVATAR_ORIGINALS', 'AVATAR_VARIANTS'].map((variable) =>
          expect.objectContaining({ bucket, cure: `say region=eu-west-1 in ${variable}` }),
        ),
      ),
    );
  });

  it('an object missing: 404', async () => {
    const app = await start();
    const reply = await app.server.inject(JONGNAM.replace('52330', '1'));
    expect(reply.statusCode).toBe(404);
    expect(reply.json()).toMatchObject({ code: 'avatar_missing' });
  });

  it('a wrong secret: 502, and the log names the variable to mend', async (context) => {
    if (!s3.checksSignatures) context.skip('this server checks no signatures');
    const app = await start({}, { ...s3, secretAccessKey: 'wrong' });
    const reply = await app.server.inject(JONGNAM);
    expect(reply.statusCode).toBe(502);
    expect(reply.json()).toMatchObject({ code: 'originals_credentials' });
    expect(JSON.stringify(app.lines)).toContain('AWS_SECRET_ACCESS_KEY');
    expect(JSON.stringify(app.lines)).not.toContain('"wrong"');
  });

  it.for([true, false])(
    'an object missing for a reader (with ListBucket: %s): 404, and what is there is served',
    async (list, context) => {
      if (!s3.checksPolicies) context.skip('this server has no policies');
      const app = await start({}, await s3.createReader({ bucket, list }));
      expect((await app.server.inject(JONGNAM)).statusCode).toBe(200);
      expect((await app.server.inject(JONGNAM.replace('52330', '1'))).statusCode).toBe(404);
      expect((await app.server.inject('/readyz')).statusCode).toBe(200);
    },
  );
});

describe('S3 in trouble', () => {
  afterEach(() => s3.proxy.heal());

  it.each([
    ['reset', 503],
    ['silence', 504],
  ] as const)(
    'makes the instance not ready (%s: %i), alive all the same, and ready again',
    async (kind, status) => {
      const app = await start();
      const ready = async (): Promise<number> => (await app.server.inject('/readyz')).statusCode;
      s3.proxy.inject({ kind });
      await expect.poll(ready, { timeout: 15_000 }).toBe(status);
      expect((await app.server.inject('/healthz')).statusCode).toBe(200);
      s3.proxy.heal();
      await expect.poll(ready, { timeout: 15_000 }).toBe(200);
    },
  );

  it('does not matter for what is in memory, and heals', async () => {
    const app = await start();
    const { rawPayload } = await app.server.inject(JONGNAM);
    s3.proxy.inject({ kind: 'reset' });
    expect((await app.server.inject(JONGNAM)).rawPayload.equals(rawPayload)).toBe(true);
    const other = await app.server.inject(JONGNAM.replace('52330', '2'));
    expect(other.statusCode).toBe(503);
    expect(other.headers).toMatchObject({
      'cache-control': 'no-store',
      'retry-after': expect.any(String),
    });
    s3.proxy.heal();
    expect((await app.server.inject(JONGNAM.replace('52330', '2'))).statusCode).toBe(404);
  });
});
