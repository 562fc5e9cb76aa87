import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { LIMITS } from '../../src/http/server.ts';
import { createFolder, startApp, type TestApp } from '../support/app.ts';
import { card, lookAt } from '../support/cards.ts';
import {
  ask,
  cacheStatus,
  change,
  EXAMPLE,
  type Nginx,
  nginxIsInstalled,
  placeExample,
  startNginx,
  uncommentDiscourse,
} from '../support/nginx.ts';
import { type Recorder, startRecorder } from '../support/recorder.ts';

const IS_LIVE = nginxIsInstalled();
if (!IS_LIVE) {
  if (process.env['REQUIRE_NGINX'] === '1') {
    throw new Error('REQUIRE_NGINX=1, and nginx is not installed');
  }
  process.stderr.write(
    '\n*** nginx is not installed: of nginx.conf.example only the text is checked, not what it does.\n\n',
  );
}

const example = readFileSync(EXAMPLE, 'utf8');

describe('the nginx example as a text', () => {
  const place = { folder: '/tmp/x', port: 1, avatars: '127.0.0.1:2', forum: '127.0.0.1:3' };

  it.each([
    ['as it is', example],
    ['with its part for Discourse', uncommentDiscourse(example)],
    ['as the tests run it', placeExample(example, place)],
  ])('has balanced blocks, %s', (_how, configuration) => {
    expect(blocksOf(configuration)).toMatchObject({ depth: 0, isEverNegative: false });
  });

  it('caches in the locations of avatars, and in no other', () => {
    const inLocations = cachedLocations(example);
    expect(inLocations).toEqual({ '/user_avatar/': true, '/': false });
    expect(cachedLocations(uncommentDiscourse(example))).toEqual({
      ...inLocations,
      '/letter_avatar/': true,
      '/letter_avatar_proxy/': true,
    });
  });

  it('leaves headers, freshness and addresses to the service', () => {
    const names = directivesOf(example).map(([name]) => name);
    for (const meddling of ['proxy_cache_valid', 'proxy_hide_header']) {
      expect(names).not.toContain(meddling);
    }
    const ignored = directivesOf(example).filter(([name]) => name === 'proxy_ignore_headers');
    expect(ignored).toEqual([['proxy_ignore_headers', 'Vary']]);
    const passes = directivesOf(example).filter(([name]) => name === 'proxy_pass');
    expect(passes.length).toBeGreaterThan(0);
    for (const [, target] of passes) expect(target).toMatch(/^http:\/\/[^/]+$/);
  });

  it('closes idle connections before the service does', () => {
    const seconds = directivesOf(example).find(([name]) => name === 'keepalive_timeout')?.[1];
    expect(Number.parseInt(seconds ?? '', 10) * 1000).toBeLessThan(LIMITS.keepAliveTimeout);
  });
});

const migration = readFileSync(join(import.meta.dirname, '../../docs/migration.md'), 'utf8');
const settingsIn = (section: string): string =>
  /^```nginx\n(.*?)^```/ms.exec(migration.split(`# ${section}\n`)[1] ?? '')?.[1] ?? '';

describe.runIf(IS_LIVE)(
  'nginx in front of the forum that docs/migration.md has in a container',
  () => {
    it('asks it by its socket', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'avatar-socket-'));
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      const socket = join(folder, 'nginx.http.sock');
      const forum = createServer((_request, response) => response.end('the forum')).listen(socket);
      await once(forum, 'listening');
      onTestFinished(() => void forum.close());
      // Started by root, its workers are somebody else; as within the container, whose nginx sees to it.
      await Promise.all([chmod(folder, 0o755), chmod(socket, 0o666)]);
      const documented = settingsIn('Discourse in its standard container');
      const upstream = change(documented, [
        { what: /\/var\/discourse\/shared\/standalone\/nginx\.http\.sock/g, to: socket },
      ]);
      const nginx = await startNginx({ avatars: '127.0.0.1:9', forum: '127.0.0.1:9' }, (text) =>
        // The name of its server is what the tests change elsewhere.
        change(text, [{ what: /^ +upstream forum \{\n/gm, to: `${upstream}upstream before {\n` }]),
      );
      onTestFinished(() => nginx.stop());
      const { status, body } = await ask(nginx.port, '/latest');
      expect([status, body.toString()]).toEqual([200, 'the forum']);
    });
  },
);

describe.runIf(IS_LIVE)('nginx with the location that docs/migration.md has for imgproxy', () => {
  const location = settingsIn('From imgproxy');

  it.each([['off'], ['on']])('sends old addresses on, with merge_slashes %s', async (merges) => {
    const nobody = '127.0.0.1:9';
    const nginx = await startNginx({ avatars: nobody, forum: nobody }, (text) =>
      change(text, [
        { what: /^ +merge_slashes off;\n/gm, to: `merge_slashes ${merges};\n${location}` },
      ]),
    );
    onTestFinished(() => nginx.stop());
    const old = (who: string, rest = '.jpg@webp'): string =>
      `/aBc_-9/rs:fill:96:96/plain/s3://uploads/${who}/52330_1${rest}`;
    const placeOf = async (path: string): Promise<unknown> => {
      const { status, headers } = await ask(nginx.port, path);
      return [status, headers.location?.replace(/^http:\/\/[^/]+/, '')];
    };
    expect(await placeOf(old('forum.example/sam'))).toEqual([
      301,
      '/user_avatar/forum.example/sam/96/52330_1.png',
    ]);
    expect(await placeOf(old('forum.example/j%C3%B6rg', '?x'))).toEqual([
      301,
      '/user_avatar/forum.example/j%C3%B6rg/96/52330_1.png',
    ]);
    // What would be a header of the reply, were it decoded.
    const { headers } = await ask(nginx.port, old('forum.example/a%0d%0aX-Injected:%201'));
    expect(headers).not.toHaveProperty('x-injected');
    expect(headers.location).toContain('/a%0d%0aX-Injected:%201/');
    expect(await placeOf('/aBc/rs:fill:96:96/plain/s3://others/h/u/1')).toEqual([404, undefined]);
  });
});

describe.runIf(IS_LIVE)('nginx in front of the service', () => {
  let folder: Awaited<ReturnType<typeof createFolder>>;
  let app: TestApp;
  let forum: Recorder;
  let nginx: Nginx;

  beforeAll(async () => {
    const picture = await card(300, 300).png().toBuffer();
    const users = ['alice', 'Łukasz', 'a+b c', 'dot.ted', '100%', 'crowd', 'head', 'later'];
    folder = await createFolder(
      Object.fromEntries(users.map((user) => [`forum.example/${user}/1`, picture])),
    );
    await folder.put('forum.example/text/1', Buffer.from('no picture at all'));
    app = await startApp({
      AVATAR_ORIGINALS: `file:${folder.directory}`,
      AVATAR_SIZES: '24 48 96 144',
    });
    // Nobody below waits for a renderer to come up.
    await app.server.inject(avatar('alice', 144));
    forum = await startRecorder((_request, response) => response.end('the forum'));
    nginx = await startNginx({ avatars: hostOf(await app.listen()), forum: forum.address });
  });

  afterAll(async () => {
    await nginx.stop();
    await app.close();
    await forum.close();
    await folder.remove();
  });

  it('lets uploads through to the forum that are larger than nginx by default allows', async () => {
    forum.take();
    const body = 'x'.repeat(3_000_000);
    const { status } = await ask(nginx.port, '/uploads.json', { method: 'POST', body });
    const sizes = forum.take().map((request) => [request.url, request.body.length]);
    expect([status, sizes]).toEqual([200, [['/uploads.json', body.length]]]);
  });

  /** How often the service was asked for this path. */
  const seen = (path: string): number => app.lines.filter((line) => line['path'] === path).length;

  it('sends one of 50 who ask for the same new avatar at once', async () => {
    const path = avatar('crowd');
    const agent = new Agent({ maxSockets: 50 });
    const replies = await Promise.all(
      Array.from({ length: 50 }, () => ask(nginx.port, path, { agent })),
    );
    await expect.poll(() => seen(path)).toBe(1);
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(replies.map(({ body }) => body.toString('base64'))).size).toBe(1);
    expect(await lookAt(replies[0]?.body ?? Buffer.alloc(0))).toMatchObject({ width: 48 });
  });

  it('answers from its cache afterwards, whatever the query', async () => {
    const path = avatar('alice');
    const first = await ask(nginx.port, path);
    expect(cacheStatus(first)).toBe('MISS');
    for (const query of ['', '?', '?v=2', '?v=3&size=9']) {
      const again = await ask(nginx.port, path + query);
      expect(cacheStatus(again)).toBe('HIT');
      expect(again.body).toEqual(first.body);
    }
    expect(seen(path)).toBe(1);
  });

  it('passes on every header of the service, and adds what the cache did', async () => {
    const path = avatar('alice', 96);
    const direct = await app.server.inject(path);
    const { headers } = await ask(nginx.port, path);
    const changing = new Set(['date', 'connection', 'keep-alive', 'cache-status']);
    const passed = Object.entries(direct.headers).filter(([name]) => !changing.has(name));
    expect(headers).toMatchObject(
      Object.fromEntries(passed.map(([name, value]) => [name, String(value)])),
    );
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(headers['cache-status']).toContain('avatar-proxy');
  });

  it('answers HEAD from what a GET has left, and GET from what a HEAD has left', async () => {
    const path = avatar('head');
    const head = await ask(nginx.port, path, { method: 'HEAD' });
    const get = await ask(nginx.port, path);
    const headAgain = await ask(nginx.port, path, { method: 'HEAD' });
    expect([head, get, headAgain].map(cacheStatus)).toEqual(['MISS', 'HIT', 'HIT']);
    expect(get.body.length).toBe(Number(get.headers['content-length']));
    for (const { body, headers } of [head, headAgain]) {
      expect(body.length).toBe(0);
      expect(headers['content-length']).toBe(get.headers['content-length']);
      expect(headers.etag).toBe(get.headers.etag);
    }
    expect(seen(path)).toBe(1);
  });

  it('answers a client that has the avatar with 304, without the service', async () => {
    const path = avatar('alice', 24);
    const { headers } = await ask(nginx.port, path);
    const etag = headers.etag ?? '';
    const same = await ask(nginx.port, path, { headers: { 'if-none-match': `"x", ${etag}` } });
    expect(same).toMatchObject({ status: 304, headers: { etag } });
    expect(same.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    const other = await ask(nginx.port, path, { headers: { 'if-none-match': '"x"' } });
    expect(other.status).toBe(200);
    expect(seen(path)).toBe(1);
  });

  it('keeps the whole avatar when the first who asks for it has it already', async () => {
    const path = avatar('later');
    const { headers } = await app.server.inject(path);
    const etag = String(headers['etag']);
    const first = await ask(nginx.port, path, { headers: { 'if-none-match': etag } });
    expect(first.status).toBe(304);
    const second = await ask(nginx.port, path);
    expect(cacheStatus(second)).toBe('HIT');
    expect(await lookAt(second.body)).toMatchObject({ width: 48 });
  });

  it.each([
    ['%C5%81ukasz', 200],
    ['a+b%20c', 200],
    ['dot%2eted', 200],
    ['dot%2Eted', 200],
    ['100%25', 200],
    ['100%2525', 404],
    ['%2e%2e', 404],
    ['a%2Fb', 404],
  ])('sends the name %s as it was sent', async (name, status) => {
    const path = avatar(name);
    const reply = await ask(nginx.port, path);
    expect(reply.status).toBe(status);
    await expect.poll(() => seen(path)).toBe(1);
  });

  it('passes redirects on as they are, and keeps them', async () => {
    const path = avatar('alice', 50);
    const replies = [await ask(nginx.port, path), await ask(nginx.port, path)];
    for (const { status, headers } of replies) {
      expect({ status, location: headers.location }).toEqual({
        status: 302,
        location: avatar('alice'),
      });
    }
    expect(replies.map(cacheStatus)).toEqual(['MISS', 'HIT']);
  });

  it.each([
    ['no such avatar', avatar('nobody'), 404, 'avatar_missing'],
    ['an original that is no image', avatar('text'), 422, 'original_not_an_image'],
  ])(
    'passes on what the service says of %s, for ten minutes',
    async (_what, path, status, code) => {
      const replies = [await ask(nginx.port, path), await ask(nginx.port, path)];
      for (const { status: given, headers, body } of replies) {
        expect(given).toBe(status);
        expect(headers['content-type']).toBe('application/problem+json');
        expect(headers['cache-control']).toBe('public, max-age=600');
        expect(JSON.parse(String(body))).toMatchObject({ status, code });
      }
      expect(replies.map(cacheStatus)).toEqual(['MISS', 'HIT']);
    },
  );

  it('gives the service the id that is in its own log', async () => {
    const path = avatar('alice', 77);
    await ask(nginx.port, path);
    await expect.poll(() => seen(path)).toBe(1);
    const line = app.lines.find((each) => each['path'] === path);
    expect(line?.['id']).toMatch(/^[0-9a-f]{32}$/);
  });

  it('lets the service answer who asks before asking across origins', async () => {
    const { status, headers } = await ask(nginx.port, avatar('alice'), { method: 'OPTIONS' });
    expect(status).toBe(204);
    expect(headers['access-control-allow-methods']).toBe('GET, HEAD, OPTIONS');
  });

  it('gives the forum what is not a reading of an avatar, untouched', async () => {
    const path = '/user_avatar/%C5%81ukasz/refresh_gravatar?now=1';
    const body = `upload=${'x'.repeat(20_000)}`;
    const headers = { cookie: '_t=session', 'x-csrf-token': 'token', 'if-none-match': '"1"' };
    const reply = await ask(nginx.port, path, { method: 'POST', headers, body });
    expect(String(reply.body)).toBe('the forum');
    const [request] = forum.take();
    expect(request).toMatchObject({ method: 'POST', url: path, body });
    expect(request?.headers).toMatchObject({ ...headers, host: `127.0.0.1:${nginx.port}` });
    expect(seen('/user_avatar/%C5%81ukasz/refresh_gravatar')).toBe(0);
  });

  it.each(['/', '/t/topic/1?page=2', '/letter_avatar/bob/48/5.png', '//user_avatar/x', '/healthz'])(
    'gives the forum %s',
    async (path) => {
      const reply = await ask(nginx.port, path);
      expect(String(reply.body)).toBe('the forum');
      expect(forum.take()).toMatchObject([{ method: 'GET', url: path }]);
      expect(cacheStatus(reply)).toBeUndefined();
    },
  );

  it('goes on showing what it has when the service is dead', async () => {
    const brief = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}` });
    const front = await startNginx({ avatars: hostOf(await brief.listen()), forum: forum.address });
    onTestFinished(() => front.stop());
    const before = await ask(front.port, avatar('alice'));
    await brief.close();
    const after = await ask(front.port, avatar('alice'));
    expect(cacheStatus(after)).toBe('HIT');
    expect(after.body).toEqual(before.body);
    expect((await ask(front.port, avatar('head'))).status).toBe(502);
  });
});

function avatar(user: string, size = 48): string {
  return `/user_avatar/forum.example/${user}/${size}/1.png`;
}

function hostOf(url: string): string {
  return new URL(url).host;
}

/** Without comments, and without what is in quotes: enough for a file with no # in its words. */
function bare(configuration: string): string {
  return configuration.replaceAll(/#.*$/gm, '').replaceAll(/"[^"\n]*"|'[^'\n]*'/g, '""');
}

/** The words of each line or block. */
function directivesOf(configuration: string): string[][] {
  return bare(configuration)
    .split(/[;{}]/)
    .map((directive) => directive.split(/\s+/).filter((word) => word !== ''))
    .filter((words) => words.length > 0);
}

function blocksOf(configuration: string): { depth: number; isEverNegative: boolean } {
  let depth = 0;
  let isEverNegative = false;
  for (const [brace] of bare(configuration).matchAll(/[{}]/g)) {
    depth += brace === '{' ? 1 : -1;
    isEverNegative ||= depth < 0;
  }
  return { depth, isEverNegative };
}

function cachedLocations(configuration: string): Record<string, boolean> {
  const locations = bare(configuration).matchAll(/location (?<path>\S+) \{(?<body>[^}]*)\}/g);
  return Object.fromEntries(
    Array.from(locations, ({ groups }) => [
      groups?.['path'] ?? '',
      /\bproxy_cache avatars;/.test(groups?.['body'] ?? ''),
    ]),
  );
}
