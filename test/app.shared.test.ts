/** Variants that instances share through S3: what one has rendered, none renders again. */
import { describe, expect, it } from 'vitest';
import { cardOf, during, essence, useSharingInstances } from './app.shared.fixture.ts';

const instances = useSharingInstances();
const { signal: never } = new AbortController();

describe('a variant that another instance has rendered', () => {
  it('is the same in bytes and headers, and says where it is from', async () => {
    const { originals, variants, first, second, path, get, rendered } = instances();
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
    const { first, second, get, rendered } = instances();
    await rendered(first);
    const unchanged = { result: 'unchanged' };
    const before = await second.metric('avatar_original_reads_total', unchanged);
    expect(await during(second, 'hit', () => get(second))).toBe(1);
    expect((await second.metric('avatar_original_reads_total', unchanged)) - before).toBe(1);
  });

  it('is in memory from then on', async () => {
    const { variants, first, second, get, rendered } = instances();
    const made = await rendered(first);
    await get(second);
    const lookUps = variants.proxy.requests();
    const again = await get(second);
    expect(essence(again)).toEqual(essence(made));
    expect(again.headers['cache-status']).toBe('avatar-proxy; hit');
    expect(variants.proxy.requests()).toBe(lookUps);
  });

  it('is the same in every format', async () => {
    const { store, first, second, path, get, rendered, outcomes } = instances();
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
    const { store, path, start, get, outcomes } = instances();
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
    const { store, path, start, get, rendered, outcomes } = instances();
    const [one, other] = await Promise.all([start(variables), start(variables)]);
    const address = base + path;
    const made = await rendered(one, address);
    expect(essence(await get(other, address))).toEqual(essence(made));
    expect(outcomes(other, address)).toEqual(['shared']);
    expect(await store.describe(address.slice(1), never)).toBeDefined();
  });

  it('is asked for by HEAD with the headers of GET', async () => {
    const { first, second, path, rendered } = instances();
    const made = await rendered(first);
    const head = await second.server.inject({ method: 'HEAD', url: path });
    expect(head.body).toBe('');
    expect(essence({ ...head, rawPayload: made.rawPayload })).toEqual(essence(made));
  });

  it('is read once for all who ask at the same time', async () => {
    const { variants, first, second, get, rendered, outcomes } = instances();
    await rendered(first);
    const lookUps = variants.requests();
    const replies = await Promise.all(Array.from({ length: 50 }, () => get(second)));
    expect(replies.every(({ statusCode }) => statusCode === 200)).toBe(true);
    expect(variants.requests() - lookUps).toBe(1);
    expect(new Set(outcomes(second))).toEqual(new Set(['shared', 'joined']));
  });

  it('of a name with a space is shared, where no address leads', async () => {
    const { store, first, second, user, path, putOriginal, get, rendered, outcomes } = instances();
    await putOriginal(`${user} x`, await cardOf(50, 50));
    const address = path.replace(user, `${user}%20x`);
    const made = await rendered(first, address);
    expect(essence(await get(second, address))).toEqual(essence(made));
    expect(outcomes(second, address)).toEqual(['shared']);
    expect(await store.describe(decodeURIComponent(address).slice(1), never)).toBeUndefined();
  });

  it('costs one look-up and one write where there is none', async () => {
    const { variants, first, rendered } = instances();
    const before = variants.proxy.requests();
    expect(await during(first, 'miss', () => rendered(first))).toBe(1);
    expect(variants.proxy.requests() - before).toBe(2);
  });

  it('is not looked up for who holds a copy', async () => {
    const { variants, first, second, path, get, rendered } = instances();
    const { etag } = (await rendered(first)).headers;
    const lookUps = variants.proxy.requests();
    const reply = await get(second, path, { 'if-none-match': String(etag) });
    expect(reply.statusCode).toBe(304);
    expect(variants.proxy.requests()).toBe(lookUps);
  });
});

describe('what is not shared', () => {
  it('is another host’s, though the original be the same', async () => {
    const { first, path, start, rendered, outcomes } = instances();
    const app = await start({ AVATAR_LOCATOR: 'template:h.example/{user}/{id}' });
    await rendered(first);
    const address = path.replace('h.example', 'other.example');
    expect((await rendered(app, address)).statusCode).toBe(200);
    expect(outcomes(app, address)).toEqual(['rendered']);
  });

  it('are letters, failures and redirects', async () => {
    const { user, path, start, putOriginal, get } = instances();
    const app = await start({ AVATAR_MISSING: 'letter', AVATAR_SIZES: '48 90' });
    await putOriginal('text', Buffer.from('no image'));
    expect((await get(app, path.replace(user, 'nobody'))).statusCode).toBe(200);
    expect((await get(app, path.replace('90', '91'))).statusCode).toBe(302);
    expect((await get(app, path.replace(user, 'text'))).statusCode).toBe(422);
    expect(await app.metric('avatar_shared_variant_writes_total')).toBe(0);
    expect(await app.metric('avatar_shared_variant_writes_waiting')).toBe(0);
  });
});
