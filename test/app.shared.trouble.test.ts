/** What sharing instances show while originals, or the store of variants, cannot be asked. */
import { describe, expect, inject, it } from 'vitest';
import {
  cardOf,
  during,
  essence,
  useSharingInstances,
  WRONG_SECRET,
} from './app.shared.fixture.ts';
import { moveClock } from './support/clock.ts';
import { connectS3 } from './support/s3-server.ts';

const instances = useSharingInstances();

describe('while originals cannot be asked for', () => {
  it.each([
    ['failing', { kind: 'reply', status: 500 }, /bucket \S+: the server failed/],
    ['hanging', { kind: 'silence' }, /s3:\/\/\S+: no answer within 2000 ms: check the network/],
    ['refusing', { kind: 'reply', status: 403, body: WRONG_SECRET }, /AWS_SECRET_ACCESS_KEY/],
  ] as const)(
    '(%s) what was rendered is served, and the log says why',
    async (_what, fault, why) => {
      const { originals, first, second, path, get, rendered } = instances();
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

  it('what is served is verified again half a minute later', async () => {
    const { originals, first, second, user, get, rendered, putOriginal } = instances();
    await rendered(first);
    originals.proxy.inject({ kind: 'reply', status: 500 });
    const { headers: unverified } = await get(second);
    originals.proxy.heal();
    await putOriginal(user, await cardOf(120, 120));
    const etagNow = async (): Promise<unknown> => (await get(second)).headers['etag'];
    expect(await etagNow()).toBe(unverified['etag']);
    moveClock(30_000);
    // The memory looks at the clock once in a millisecond.
    await expect.poll(etagNow).not.toBe(unverified['etag']);
    expect(await etagNow()).toMatch(/^"png/);
  });

  it('(hanging) it is noticed, and only few wait for it from then on', async () => {
    const { originals, bucket, start, get, renderedByFirst } = instances();
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
    const { originals, bucket, start, storeAt, get, renderedByFirst } = instances();
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
    const { originals, first, second, path, get, rendered } = instances();
    const { etag } = (await rendered(first)).headers;
    originals.proxy.inject({ kind: 'reset' });
    const reply = await get(second, path, { 'if-none-match': String(etag) });
    expect(reply.statusCode).toBe(304);
  });

  it('what was never rendered fails as it does without a store', async () => {
    const { originals, second, get } = instances();
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
    const { variants, user, path, start, putOriginal, get, outcomes } = instances();
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
