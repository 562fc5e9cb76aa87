/** Variants that instances share through S3: what one has rendered, none renders again. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { sharedKey } from '../src/avatar/shared-key.ts';
import { PROFILE_VERSIONS } from '../src/render/profiles.ts';
import type { VariantStore } from '../src/variants/store.ts';
import { startApp, type TestApp } from './support/app.ts';
import { card, distanceFromCard, lookAt } from './support/cards.ts';
import { connectS3, type TestS3 } from './support/s3-server.ts';
import { openVariants, variantOf } from './variants/s3.fixture.ts';

const { signal: never } = new AbortController();
const WRONG_SECRET = '<Error><Code>SignatureDoesNotMatch</Code></Error>';

/** Each with a proxy of its own, so that one can break while the other does not. */
let originals: TestS3;
let variants: TestS3;
let bucket: string;
let store: VariantStore;
/** Three instances of one configuration. */
let first: TestApp;
let second: TestApp;
let third: TestApp;
const apps: TestApp[] = [];

/** Nobody has asked for the avatar of this test's user before. */
let user: string;
let path: string;
let count = 0;

beforeAll(async () => {
  [originals, variants] = await Promise.all([connectS3(inject('s3')), connectS3(inject('s3'))]);
  process.env['AWS_ACCESS_KEY_ID'] = originals.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = originals.secretAccessKey;
  bucket = await originals.createBucket('shared');
  store = openVariants(variants, bucket, { prefix: 'variants/' });
  [first, second, third] = await Promise.all([start(), start(), start()]);
});

beforeEach(async () => {
  count += 1;
  user = `user${count}`;
  path = `/user_avatar/h.example/${user}/90/5_1.png`;
  await putOriginal(user, await cardOf(200, 200));
});

afterEach(() => {
  originals.proxy.heal();
  variants.proxy.heal();
});

afterAll(async () => {
  store.close();
  await Promise.all(apps.map((app) => app.close()));
  await Promise.all([originals.stop(), variants.stop()]);
});

function storeAt({ endpoint }: TestS3, folder: string): string {
  return `s3://${bucket}/${folder}?region=us-east-1&endpoint=${endpoint}`;
}

async function start(variables: Record<string, string> = {}): Promise<TestApp> {
  const app = await startApp({
    AVATAR_ORIGINALS: storeAt(originals, 'originals'),
    AVATAR_VARIANTS: storeAt(variants, 'variants'),
    ...variables,
  });
  apps.push(app);
  return app;
}

async function cardOf(width: number, height: number): Promise<Buffer> {
  return await card(width, height).png({ compressionLevel: 1 }).toBuffer();
}

async function putOriginal(name: string, bytes: Buffer): Promise<void> {
  await originals.put(bucket, `originals/h.example/${name}/5_1`, bytes);
}

type Reply = Awaited<ReturnType<TestApp['server']['inject']>>;

async function get(app: TestApp, url = path, headers: Record<string, string> = {}): Promise<Reply> {
  return await app.server.inject({ url, headers });
}

/** A variant nobody has rendered before, once it has reached the store. */
async function rendered(
  app: TestApp,
  url = path,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const before = await app.metric('avatar_shared_variant_writes_total');
  const reply = await get(app, url, headers);
  await expect
    .poll(() => app.metric('avatar_shared_variant_writes_total'), { timeout: 10_000 })
    .toBe(before + 1);
  return reply;
}

/** So many avatars that another instance has put into the store. */
async function renderedByFirst(howMany: number): Promise<string[]> {
  const picture = await cardOf(60, 60);
  const users = Array.from({ length: howMany }, (_, index) => `${user}-${index}`);
  for (const each of users) await putOriginal(each, picture);
  const paths = users.map((each) => path.replace(user, each));
  for (const url of paths) await rendered(first, url);
  return paths;
}

/** How the requests for this test's avatar ended. */
function outcomes(app: TestApp, url = path): unknown[] {
  return app.lines.filter((line) => line['path'] === url).map(({ outcome }) => outcome);
}

/** How many look-ups ended so while something was done. */
async function during(app: TestApp, result: string, work: () => Promise<unknown>): Promise<number> {
  const results = (): Promise<number> => app.metric('avatar_shared_variants_total', { result });
  const before = await results();
  await work();
  return (await results()) - before;
}

/** A reply without what tells how it came about. */
function essence({ statusCode, headers, rawPayload }: Reply): unknown {
  const { date: _, 'cache-status': __, connection: ___, ...rest } = headers;
  return { statusCode, headers: rest, bytes: rawPayload.toString('base64') };
}

function keyOf(address: string): string {
  return sharedKey(address, 'png', 'png') ?? '';
}

describe('a variant that another instance has rendered', () => {
  it('is the same in bytes and headers, and says where it is from', async () => {
    const made = await rendered(first);
    const [lookUps, reads] = [variants.proxy.requests(), originals.proxy.requests()];
    const shared = await get(second);
    expect(essence(shared)).toEqual(essence(made));
    expect(shared.headers['cache-status']).toBe(
      'avatar-proxy; fwd=stale; fwd-status=304; stored; detail=shared',
    );
    expect(variants.proxy.requests() - lookUps).toBe(1);
    expect(originals.proxy.requests() - reads).toBe(1);
    expect(second.lines.filter((line) => line['path'] === path)).toMatchObject([
      {
        level: 30,
        outcome: 'shared',
        status: 200,
        stages: { shared: expect.any(Number), read: expect.any(Number) },
      },
    ]);
  });

  it('counts as a hit, and as a read of the original that brought nothing', async () => {
    await rendered(first);
    const unchanged = { result: 'unchanged' };
    const before = await second.metric('avatar_original_reads_total', unchanged);
    expect(await during(second, 'hit', () => get(second))).toBe(1);
    expect((await second.metric('avatar_original_reads_total', unchanged)) - before).toBe(1);
  });

  it('is in memory from then on', async () => {
    const made = await rendered(first);
    await get(second);
    const lookUps = variants.proxy.requests();
    const again = await get(second);
    expect(essence(again)).toEqual(essence(made));
    expect(again.headers['cache-status']).toBe('avatar-proxy; hit');
    expect(variants.proxy.requests()).toBe(lookUps);
  });

  it('is the same in every format', async () => {
    for (const extension of ['png', 'jpg', 'webp', 'avif']) {
      const address = path.replace('.png', `.${extension}`);
      const made = await rendered(first, address);
      expect(made.statusCode).toBe(200);
      expect(essence(await get(second, address))).toEqual(essence(made));
      expect(outcomes(second, address)).toEqual(['shared']);
      // Where a CDN asks for it.
      expect(await store.describe(address.slice(1), never)).toBeDefined();
    }
  });

  it('is under the key of its format when that was negotiated', async () => {
    const variables = { AVATAR_NEGOTIATE: 'webp' };
    const [one, other] = await Promise.all([start(variables), start(variables)]);
    const accept = { accept: 'image/webp,*/*' };
    const made = await one.server.inject({ url: path, headers: accept });
    await expect.poll(() => one.metric('avatar_shared_variant_writes_total')).toBe(1);
    expect(made.headers).toMatchObject({ 'content-type': 'image/webp', vary: 'Accept' });
    expect(essence(await get(other, path, accept))).toEqual(essence(made));
    expect(outcomes(other)).toEqual(['shared']);
    const webp = await store.describe(path.slice(1).replace('.png', '.webp'), never);
    expect(`"${webp?.variant?.etag}"`).toBe(made.headers['etag']);
    expect(await store.describe(path.slice(1), never)).toBeUndefined();
  });

  it.each([
    [{ AVATAR_FORMAT: 'original' }, ''],
    [{ AVATAR_FORMAT: 'webp' }, ''],
    [{ AVATAR_BASE_PATH: '/forum' }, '/forum'],
  ] as const)('is the same and under its own path with %o', async (variables, base) => {
    const [one, other] = await Promise.all([start(variables), start(variables)]);
    const address = base + path;
    const made = await rendered(one, address);
    expect(essence(await get(other, address))).toEqual(essence(made));
    expect(outcomes(other, address)).toEqual(['shared']);
    expect(await store.describe(address.slice(1), never)).toBeDefined();
  });

  it('is asked for by HEAD with the headers of GET', async () => {
    const made = await rendered(first);
    const head = await second.server.inject({ method: 'HEAD', url: path });
    expect(head.body).toBe('');
    expect(essence({ ...head, rawPayload: made.rawPayload })).toEqual(essence(made));
  });

  it('is read once for all who ask at the same time', async () => {
    await rendered(first);
    const lookUps = variants.requests();
    const replies = await Promise.all(Array.from({ length: 50 }, () => get(second)));
    expect(replies.every(({ statusCode }) => statusCode === 200)).toBe(true);
    expect(variants.requests() - lookUps).toBe(1);
    expect(new Set(outcomes(second))).toEqual(new Set(['shared', 'joined']));
  });

  it('of a name with a space is shared, where no address leads', async () => {
    await putOriginal(`${user} x`, await cardOf(50, 50));
    const address = path.replace(user, `${user}%20x`);
    const made = await rendered(first, address);
    expect(essence(await get(second, address))).toEqual(essence(made));
    expect(outcomes(second, address)).toEqual(['shared']);
    expect(await store.describe(decodeURIComponent(address).slice(1), never)).toBeUndefined();
  });

  it('costs one look-up and one write where there is none', async () => {
    const before = variants.proxy.requests();
    expect(await during(first, 'miss', () => rendered(first))).toBe(1);
    expect(variants.proxy.requests() - before).toBe(2);
  });

  it('is not looked up for who holds a copy', async () => {
    const { etag } = (await rendered(first)).headers;
    const lookUps = variants.proxy.requests();
    const reply = await get(second, path, { 'if-none-match': String(etag) });
    expect(reply.statusCode).toBe(304);
    expect(variants.proxy.requests()).toBe(lookUps);
  });
});

describe('what is not shared', () => {
  it('is another host’s, though the original be the same', async () => {
    const app = await start({ AVATAR_LOCATOR: 'template:h.example/{user}/{id}' });
    await rendered(first);
    const address = path.replace('h.example', 'other.example');
    expect((await rendered(app, address)).statusCode).toBe(200);
    expect(outcomes(app, address)).toEqual(['rendered']);
  });

  it('are letters, failures and redirects', async () => {
    const app = await start({ AVATAR_MISSING: 'letter', AVATAR_SIZES: '48 90' });
    await putOriginal('text', Buffer.from('no image'));
    expect((await get(app, path.replace(user, 'nobody'))).statusCode).toBe(200);
    expect((await get(app, path.replace('90', '91'))).statusCode).toBe(302);
    expect((await get(app, path.replace(user, 'text'))).statusCode).toBe(422);
    expect(await app.metric('avatar_shared_variant_writes_total')).toBe(0);
    expect(await app.metric('avatar_shared_variant_writes_waiting')).toBe(0);
  });
});

describe('a variant is never stale', () => {
  it('when its original has changed under the same id: it is rendered anew and replaced', async () => {
    const old = await rendered(first);
    await putOriginal(user, await cardOf(100, 300));
    let fresh = old;
    const stale = await during(second, 'stale', async () => {
      fresh = await rendered(second);
    });
    expect(stale).toBe(1);
    expect(fresh.headers['etag']).not.toBe(old.headers['etag']);
    expect(essence(await get(third))).toEqual(essence(fresh));
    expect(outcomes(third)).toEqual(['shared']);
  });

  it('when the first to notice holds a copy itself: it is replaced all the same', async () => {
    const old = String((await rendered(first)).headers['etag']);
    await putOriginal(user, await cardOf(100, 300));
    let fresh = '';
    const stale = await during(second, 'stale', async () => {
      const reply = await rendered(second, path, { 'if-none-match': old });
      expect(reply.statusCode).toBe(200);
      fresh = String(reply.headers['etag']);
    });
    expect(stale).toBe(1);
    expect(fresh).not.toBe(old);
    // Where a CDN reads it.
    expect(`"${(await store.describe(keyOf(path), never))?.variant?.etag}"`).toBe(fresh);
  });

  it('nor rendered again for who holds an outdated copy, or a made-up one', async () => {
    const old = String((await rendered(first)).headers['etag']);
    await putOriginal(user, await cardOf(100, 300));
    const fresh = await rendered(second);
    for (const held of [old, `"png${PROFILE_VERSIONS.png}-90-0123456789abcdef"`]) {
      const app = await start();
      const reply = await get(app, path, { 'if-none-match': held });
      expect(essence(reply)).toEqual(essence(fresh));
      expect(outcomes(app)).toEqual(['shared']);
      expect(await app.metric('avatar_shared_variants_total', { result: 'hit' })).toBe(1);
      expect(await app.metric('avatar_rendered_variants_total')).toBe(0);
    }
  });

  it('when its original is gone: there is no such avatar', async () => {
    await rendered(first);
    await originals.remove(bucket, `originals/h.example/${user}/5_1`);
    expect((await get(second)).statusCode).toBe(404);
  });

  it('when its original has become none: the verdict is the answer', async () => {
    await rendered(first);
    await putOriginal(user, Buffer.from('no image'));
    expect((await get(second)).statusCode).toBe(422);
  });

  it.each([
    ['an earlier version', PROFILE_VERSIONS.png - 1, true],
    ['a later version, which stays', PROFILE_VERSIONS.png + 1, false],
  ] as const)(
    'when it was made by an encoder of %s: it is rendered anew',
    async (_what, version, isReplaced) => {
      const { etag } = (await rendered(first)).headers;
      const found = await store.describe(keyOf(path), never);
      const original = String(etag).replaceAll('"', '').split('-').at(-1) ?? '';
      const other = variantOf('other', { etag: `png${version}-90-${original}` });
      await store.put(keyOf(path), other, { instead: found?.version, signal: never });

      const app = await start();
      const reply = await get(app);
      expect(reply.headers['etag']).toBe(etag);
      expect(distanceFromCard((await lookAt(reply.rawPayload)).corners)).toBeLessThan(20);
      // Closing writes what waits.
      await app.close();
      const kept = await store.describe(keyOf(path), never);
      expect(`"${kept?.variant?.etag}"` === etag).toBe(isReplaced);
    },
  );

  it('when it was made for another setting of AVATAR_FORMAT', async () => {
    await rendered(await start({ AVATAR_FORMAT: 'jpg' }));
    const app = await start({ AVATAR_FORMAT: 'original' });
    expect((await rendered(app)).headers['content-type']).toBe('image/png');
  });

  it('nor what was damaged in the store, which is replaced', async () => {
    const made = await rendered(first);
    await variants.put(bucket, `variants/${keyOf(path)}`, Buffer.from('<script>'));
    const unusable = await during(second, 'unusable', async () => {
      expect(essence(await rendered(second))).toEqual(essence(made));
    });
    expect(unusable).toBe(1);
    expect(essence(await get(third))).toEqual(essence(made));
    expect(outcomes(third)).toEqual(['shared']);
  });
});

describe('while originals cannot be asked for', () => {
  it.each([
    ['failing', { kind: 'reply', status: 500 }, /bucket \S+: the server failed/],
    ['hanging', { kind: 'silence' }, /s3:\/\/\S+: no answer within 2000 ms: check the network/],
    ['refusing', { kind: 'reply', status: 403, body: WRONG_SECRET }, /AWS_SECRET_ACCESS_KEY/],
  ] as const)(
    '(%s) what was rendered is served, and the log says why',
    async (_what, fault, why) => {
      const made = await rendered(first);
      originals.proxy.inject(fault);
      const unverified = await during(second, 'unverified', async () => {
        const reply = await get(second);
        expect(essence(reply)).toEqual(essence(made));
        expect(reply.headers['cache-status']).toBe('avatar-proxy; hit; detail=shared');
      });
      expect(unverified).toBe(1);
      expect(second.lines.filter((line) => line['path'] === path)).toMatchObject([
        { level: 50, outcome: 'shared', status: 200, reason: expect.stringMatching(why) },
      ]);
    },
  );

  it('(hanging) it is noticed, and only few wait for it from then on', async () => {
    const app = await start({ AVATAR_DEADLINE_MS: '3000' });
    const paths = await renderedByFirst(10);
    originals.proxy.inject({ kind: 'silence' });
    for (const url of paths.slice(0, 4)) expect((await get(app, url)).statusCode).toBe(200);
    const reads = (result: string): Promise<number> =>
      app.metric('avatar_original_reads_total', { result });
    expect([await reads('originals_timeout'), await reads('abandoned')]).toEqual([4, 0]);
    expect(await app.metric('avatar_original_store_in_trouble')).toBe(1);
    expect(app.lines.find(({ msg }) => /is in trouble/.test(String(msg)))).toMatchObject({
      store: `1 s3://${bucket}/originals`,
      reason: expect.stringContaining('no answer within 750 ms'),
    });
    const replies = await Promise.all(paths.slice(4).map((url) => get(app, url)));
    expect(replies.map(({ statusCode }) => statusCode)).toEqual(paths.slice(4).map(() => 200));
    // Two of the six are told at once what is known.
    const reasons = app.lines.filter(({ path }) => paths.slice(4).includes(String(path)));
    expect(reasons.filter(({ reason }) => /not asked/.test(String(reason)))).toHaveLength(2);
  });

  it('(the first of two hanging) it is verified with the second, soon without a wait', async () => {
    const hanging = await connectS3(inject('s3'));
    const app = await start({
      AVATAR_ORIGINALS: `${storeAt(hanging, 'elsewhere')} ${storeAt(originals, 'originals')}`,
    });
    const paths = await renderedByFirst(6);
    hanging.proxy.inject({ kind: 'silence' });
    for (const url of paths) expect((await get(app, url)).statusCode).toBe(200);
    expect(await app.metric('avatar_shared_variants_total', { result: 'hit' })).toBe(paths.length);
    const elsewhere = { store: `1 s3://${bucket}/elsewhere` };
    expect(await app.metric('avatar_original_store_in_trouble', elsewhere)).toBe(1);
    expect(await app.metric('avatar_original_fallbacks_total', elsewhere)).toBe(paths.length);
    await hanging.stop();
  });

  it('who holds a copy is told that it holds', async () => {
    const { etag } = (await rendered(first)).headers;
    originals.proxy.inject({ kind: 'reset' });
    const reply = await get(second, path, { 'if-none-match': String(etag) });
    expect(reply.statusCode).toBe(304);
  });

  it('what was never rendered fails as it does without a store', async () => {
    originals.proxy.inject({ kind: 'reset' });
    expect((await get(second)).statusCode).toBe(503);
  });
});

describe('while the store of variants is in trouble', () => {
  it.each([
    ['hangs', { kind: 'silence' }],
    ['fails', { kind: 'reply', status: 500 }],
    ['resets connections', { kind: 'reset' }],
    ['refuses', { kind: 'reply', status: 403, body: WRONG_SECRET }],
    ['cuts bodies', { kind: 'cut' }],
  ] as const)('which %s, avatars are served, and soon it is left alone', async (_what, fault) => {
    const app = await start();
    // Three that find out, at the same time.
    const addresses = ['a', 'b', 'c'].map((letter) => path.replace(user, user + letter));
    const picture = await cardOf(60, 60);
    for (const letter of ['a', 'b', 'c']) await putOriginal(user + letter, picture);
    // Writes that hang would hold up the end of this test.
    variants.proxy.inject(fault, { objectsOnly: fault.kind === 'silence' });
    const replies = await Promise.all(addresses.map((address) => get(app, address)));
    expect(replies.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
    expect(await app.metric('avatar_shared_variants_total', { result: 'failed' })).toBe(3);

    const lookUps = variants.requests();
    expect(await during(app, 'skipped', () => get(app))).toBe(1);
    expect(outcomes(app)).toEqual(['rendered']);
    expect(variants.requests()).toBe(lookUps);
    const warnings = app.lines.filter(({ msg }) => /store of variants/.test(String(msg)));
    expect(warnings).toMatchObject([{ level: 40, reason: expect.any(String) }]);
  });
});
