/** A shared variant is shown as long as its original and the encoders are those it was made with. */
import { describe, expect, it } from 'vitest';
import { PROFILE_VERSIONS } from '../src/render/profiles.ts';
import { cardOf, during, essence, keyOf, useSharingInstances } from './app.shared.fixture.ts';
import { distanceFromCard, lookAt } from './support/cards.ts';
import { variantOf } from './variants/s3.fixture.ts';

const instances = useSharingInstances();
const { signal: never } = new AbortController();

describe('a variant is never stale', () => {
  it('when its original has changed under the same id: it is rendered anew and replaced', async () => {
    const { first, second, third, user, putOriginal, get, rendered, outcomes } = instances();
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
    const { store, first, second, user, path, putOriginal, rendered } = instances();
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
    const { first, second, user, path, start, putOriginal, get, rendered, outcomes } = instances();
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
    const { originals, bucket, first, second, user, get, rendered } = instances();
    await rendered(first);
    await originals.remove(bucket, `originals/h.example/${user}/5_1`);
    expect((await get(second)).statusCode).toBe(404);
  });

  it('when its original has become none: the verdict is the answer', async () => {
    const { first, second, user, putOriginal, get, rendered } = instances();
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
      const { store, first, path, start, get, rendered } = instances();
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
    const { start, rendered } = instances();
    await rendered(await start({ AVATAR_FORMAT: 'jpg' }));
    const app = await start({ AVATAR_FORMAT: 'original' });
    expect((await rendered(app)).headers['content-type']).toBe('image/png');
  });

  it('nor what was damaged in the store, which is replaced', async () => {
    const { variants, bucket, first, second, third, path, get, rendered, outcomes } = instances();
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
