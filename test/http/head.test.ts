import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, startApp, type TestApp } from '../support/app.ts';
import { card } from '../support/cards.ts';
import { ask, type RawReply } from '../support/nginx.ts';

const PATH = '/user_avatar/h/u/48/1.png';

let folder: Awaited<ReturnType<typeof createFolder>>;

beforeAll(async () => {
  folder = await createFolder({
    'h/u/1': await card(90, 90).jpeg().toBuffer(),
    'h/broken/1': Buffer.from('<html>not found</html>'),
  });
});

afterAll(() => folder.remove());

/** All but what tells one reply from the next. */
function comparable({ status, headers }: RawReply) {
  const { date: _date, 'cache-status': _cacheStatus, ...rest } = headers;
  return { status, headers: rest };
}

describe.each(['404', 'letter', 'blank'])('HEAD, with AVATAR_MISSING=%s', (missing) => {
  let app: TestApp;
  let port: number;

  beforeAll(async () => {
    app = await startApp({
      AVATAR_ORIGINALS: `file:${folder.directory}`,
      AVATAR_MISSING: missing,
      AVATAR_NEGOTIATE: 'webp',
      AVATAR_SIZES: '48 61 96',
      AVATAR_HOSTS: 'h',
    });
    port = Number(new URL(await app.listen()).port);
  });

  afterAll(() => app.close());

  const stands = missing === '404' ? 404 : 200;

  it.each([
    ['an avatar', PATH, 200],
    ['an avatar in memory', PATH, 200],
    ['an avatar in memory, by the long way', `${PATH}?x`, 200],
    ['an avatar nobody has asked for', PATH.replace('/48/', '/61/'), 200],
    ['an unlisted size', PATH.replace('/48/', '/50/'), 302],
    ['a missing avatar', PATH.replace('/u/', '/nobody/'), stands],
    ['a broken original', PATH.replace('/u/', '/broken/'), 422],
    ['another site', PATH.replace('/h/', '/other/'), 404],
    ['no address of an avatar', '/user_avatar/h', 404],
    ['a malformed escape', '/user_avatar/h/%zz/48/1.png', 404],
    ['no address at all', '/nothing', 404],
    ['liveness', '/healthz', 200],
  ])('of %s has the headers of GET, every one, and no body', async (_what, path, status) => {
    const head = await ask(port, path, { method: 'HEAD' });
    const reply = await ask(port, path);
    expect(reply.status).toBe(status);
    expect(comparable(head)).toEqual(comparable(reply));
    expect(head.headers['content-length']).toBe(String(reply.body.byteLength));
    expect(head.body.byteLength).toBe(0);
  });

  const held: [what: string, path: string][] = [
    ['an avatar', PATH],
    ['an avatar, by the long way', `${PATH}?x`],
  ];
  if (stands === 200) held.push(['a stand-in', PATH.replace('/u/', '/nobody/')]);
  it.each(held)('is answered 304 for %s as GET is', async (_what, path) => {
    const { etag } = (await ask(port, path)).headers;
    const headers = { 'if-none-match': String(etag) };
    const head = await ask(port, path, { method: 'HEAD', headers });
    const reply = await ask(port, path, { headers });
    expect(reply).toMatchObject({ status: 304, headers: { etag, vary: 'Accept' } });
    expect(comparable(head)).toEqual(comparable(reply));
  });

  it('is answered 304 for a copy of what is not in memory as GET is', async () => {
    const path = PATH.replace('/48/', '/96/');
    const { etag } = (await ask(port, path)).headers;
    const other = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}` });
    const otherPort = Number(new URL(await other.listen()).port);
    const headers = { 'if-none-match': String(etag) };
    const head = await ask(otherPort, path, { method: 'HEAD', headers });
    const reply = await ask(otherPort, path, { headers });
    await other.close();
    for (const each of [head, reply]) {
      expect(each).toMatchObject({
        status: 304,
        headers: { 'cache-status': 'avatar-proxy; fwd=uri-miss; fwd-status=304' },
      });
    }
    expect(comparable(head)).toEqual(comparable(reply));
  });
});
