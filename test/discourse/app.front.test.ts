/** Behind the project's own nginx.conf.example, and beside the forum: cases 41 to 43. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { ask, cacheStatus, type Nginx, nginxIsInstalled, startNginx } from '../support/nginx.ts';
import { uncommentDiscourse } from '../support/nginx.ts';
import { type Recorder, startRecorder } from '../support/recorder.ts';
import { insertUpload, insertUser } from '../support/discourse-database.ts';
import { avatar, CDN, see, type Seen, useForum, YEAR } from './fixture.ts';

const IS_LIVE = nginxIsInstalled();
if (!IS_LIVE && process.env['REQUIRE_NGINX'] === '1') {
  throw new Error('REQUIRE_NGINX=1, and nginx is not installed');
}

describe.runIf(IS_LIVE)('behind nginx', () => {
  const forum = useForum(
    "INSERT INTO site_settings (name, data_type, value) VALUES ('login_required', 5, 't');\n" +
      [70, 71, 72].map((id) => insertUpload({ id })).join('') +
      insertUser(70, 'carol', 71),
    [70, 71, 72],
  );
  let app: TestApp;
  let discourse: Recorder;
  let nginx: Nginx;

  beforeAll(async () => {
    app = await forum().start();
    discourse = await startRecorder((_request, response) => {
      response.writeHead(201, { 'set-cookie': '_t=1; HttpOnly', 'x-discourse-route': 'any' });
      response.end('Discourse');
    });
    nginx = await startNginx(
      { avatars: new URL(await app.listen()).host, forum: discourse.address },
      uncommentDiscourse,
    );
  });

  afterAll(async () => {
    await nginx.stop();
    await discourse.close();
  });

  it.each([
    'default/bob/big/10_2.png',
    'default/bob/48/10_2.jpg',
    'default/bob/48/10_2',
    'default/bob',
  ])('case 41: %s is answered 404, not by Discourse', async (path) => {
    const reply = await ask(nginx.port, `/user_avatar/${path}`);
    expect(reply.status).toBe(404);
    expect(reply.headers['content-type']).toBe('application/problem+json');
    expect(discourse.take()).toEqual([]);
  });

  it('case 42: avatars of a forum that asks all to log in are shown to who has not', async () => {
    const [setting] = await forum().postgres.run(
      "SELECT value FROM site_settings WHERE name = 'login_required'",
      'forum',
    );
    expect(setting).toEqual({ value: 't' });
    const path = '/user_avatar/default/bob/48/10_2.png';
    const replies = [await ask(nginx.port, path), await ask(nginx.port, path)];
    for (const { status, headers, body } of replies) {
      expect(status).toBe(200);
      expect(headers['cache-control']).toBe(YEAR);
      expect(headers).not.toHaveProperty('set-cookie');
      expect(body).toEqual(replies[0]?.body);
    }
    expect(replies.map(cacheStatus)).toEqual(['MISS', 'HIT']);
    expect(discourse.take()).toEqual([]);
  });

  it.each([
    ['/user_avatar/bob/refresh_gravatar', 'username=bob'],
    ['/user_avatar/bob/refresh_gravatar.json', '{"upload":1}'],
    ['/user_avatar/l%C3%B6we/refresh_gravatar?_=1', ''],
  ])(
    'case 43: POST %s reaches Discourse untouched, and its answer the client',
    async (path, body) => {
      const headers = {
        cookie: '_t=session; _forum_session=x',
        'x-csrf-token': 'token',
        'content-type': 'application/x-www-form-urlencoded',
        host: 'forum.example.org',
      };
      const reply = await ask(nginx.port, path, { method: 'POST', headers, body });
      expect(discourse.take()).toMatchObject([{ method: 'POST', url: path, headers, body }]);
      expect(reply).toMatchObject({
        status: 201,
        headers: { 'set-cookie': ['_t=1; HttpOnly'], 'x-discourse-route': 'any' },
      });
      expect(String(reply.body)).toBe('Discourse');
    },
  );

  it('gives Discourse nothing that is for the service, letters included', async () => {
    const letters = [
      '/letter_avatar_proxy/v4/letter/a/aaaaaa/48.png',
      '/letter_avatar/bob/48/5.png',
    ];
    for (const path of letters) {
      const replies = [await ask(nginx.port, path), await ask(nginx.port, path)];
      expect(replies.map(({ status }) => status)).toEqual([200, 200]);
      expect(replies.map(cacheStatus)).toEqual(['MISS', 'HIT']);
    }
    const { status, headers } = await ask(nginx.port, '/user_avatar/default/bob/97/10.png');
    expect(status).toBe(302);
    expect(headers.location).toBe(`${CDN}/user_avatar/default/bob/96/10_2.png`);
    expect(discourse.take()).toEqual([]);
  });

  // Whoever uploads the same picture once more gets the upload it was before.
  it('keeps no redirect to the current picture, which may be another by now', async () => {
    const change = async (upload: number): Promise<unknown> =>
      await forum().postgres.run(
        `UPDATE users SET uploaded_avatar_id = ${upload} WHERE id = 70`,
        'forum',
      );
    // 72 is asked for before it is anybody's.
    expect(await follow(70)).toMatchObject(avatar(71, 48));
    expect(await follow(72)).toMatchObject(avatar(71, 48));
    for (const upload of [70, 72, 71, 70]) {
      await change(upload);
      await expect
        .poll(() => follow(upload), { timeout: 10_000 })
        .toMatchObject(avatar(upload, 48));
    }
  });

  /** Carol's picture at the address of an upload, as a browser gets it by way of nginx. */
  async function follow(upload: number): Promise<Seen> {
    let path = `/user_avatar/default/carol/48/${upload}_2.png`;
    for (let step = 0; step < 20; step += 1) {
      const { status, headers, body } = await ask(nginx.port, path);
      const seen = await see({ statusCode: status, headers, rawPayload: body });
      if (status !== 302) return seen;
      path = (seen.location ?? '').replace(CDN, '');
    }
    throw new Error(`too many redirects, the last to ${path}`);
  }

  it('keeps what a name was asked for apart, in either letter case', async () => {
    const [upper, lower] = await Promise.all(
      ['Bob', 'bob'].map((name) => ask(nginx.port, `/user_avatar/default/${name}/24/11_2.png`)),
    );
    expect(upper?.body).toEqual(lower?.body);
    expect(upper?.headers.etag).toBe(lower?.headers.etag);
  });
});
