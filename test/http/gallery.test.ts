/** What the gallery answers, and whom; how it looks is `gallery.browser.test.ts`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lookAt } from '../support/cards.ts';
import { startApp, type TestApp } from '../support/app.ts';

const OWL = 'host=demo&user=owl&id=2';

let app: TestApp;

beforeAll(async () => {
  app = await startApp({ AVATAR_SIZES: '48 96', AVATAR_MISSING: 'letter' });
});

afterAll(() => app.close());

async function ask(url: string, headers: Record<string, string> = {}) {
  return await app.admin.inject({ url, headers: { host: '127.0.0.1:9090', ...headers } });
}

describe('the gallery', () => {
  it('shows a picture with how long each stage took', async () => {
    const reply = await ask(`/picture?${OWL}&size=48&format=webp`);
    expect(reply.statusCode).toBe(200);
    expect(reply.headers['content-type']).toBe('image/webp');
    expect(await lookAt(reply.rawPayload)).toMatchObject({ width: 48, height: 48 });
    expect(reply.headers['etag']).toMatch(/^"webp\d+-48-/);
    expect(reply.headers['cache-status']).toBe('avatar-proxy; fwd=uri-miss; stored');
    for (const stage of ['locate', 'read', 'inspect', 'wait', 'render', 'total']) {
      expect(reply.headers['server-timing']).toMatch(new RegExp(`\\b${stage};dur=[\\d.]+`));
    }
    const again = await ask(`/picture?${OWL}&size=48&format=webp`);
    expect(again.headers['cache-status']).toBe('avatar-proxy; hit');
    expect(again.headers['server-timing']).toMatch(/^total;dur=/);
  });

  it('is nothing that may be kept, or shown elsewhere', async () => {
    const { headers } = await ask(`/picture?${OWL}&size=48`);
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['cross-origin-resource-policy']).toBe('same-origin');
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('lists the sizes served, and every format', async () => {
    const reply = await ask(`/gallery.json?${OWL}`);
    expect(reply.json()).toMatchObject({
      sizes: [48, 96],
      formats: ['png', 'jpg', 'webp', 'avif'],
      example: { host: 'meta.discourse.org', user: 'jongnam', id: '52330_1' },
    });
  });

  it('goes where clients would be sent', async () => {
    const { statusCode, headers } = await ask(`/picture?${OWL}&size=50&format=jpg`);
    expect(statusCode).toBe(302);
    expect(headers['location']).toBe(`/picture?${OWL}&size=48&format=jpg`);
  });

  it('says what a picture stands in for', async () => {
    const reply = await ask('/picture?host=demo&user=nobody&id=1&size=48');
    expect(reply.statusCode).toBe(200);
    expect(reply.headers['stand-in']).toBe('avatar_missing');
  });

  it('says what is wrong as it does to the log', async () => {
    const reply = await ask('/picture?host=demo&user=owl&id=2&size=48&format=bmp');
    expect(reply.statusCode).toBe(404);
    expect(reply.json()).toEqual({
      title: 'Not Found',
      status: 404,
      code: 'path_invalid',
      detail: 'no format: "bmp"',
    });
    const malformed = await ask('/gallery.json?host=..&user=owl&id=2');
    expect(malformed.json()).toMatchObject({ code: 'path_invalid', detail: /host/ });
  });

  it('counts what is looked at', async () => {
    const before = await app.metric('avatar_requests_total', { outcome: 'memory' });
    await ask(`/picture?${OWL}&size=96`);
    await ask(`/picture?${OWL}&size=96`);
    expect(await app.metric('avatar_requests_total', { outcome: 'memory' })).toBe(before + 1);
  });

  it('allows its page nothing from elsewhere and nothing inline', async () => {
    const { headers, body } = await ask('/');
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'/);
    expect(policy).not.toMatch(/unsafe|https?:/);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(body).not.toMatch(/<style|style=|onclick|<script>|https?:/);
  });

  it.each(['/', '/page.js', '/picture', '/gallery.json'])(
    'does not answer at %s by a name that others may have pointed here',
    async (path) => {
      for (const host of ['evil.example', 'evil.example:9090', '127.0.0.1.evil.example', 'a.b']) {
        expect((await ask(path, { host })).statusCode, host).toBe(403);
      }
    },
  );

  it.each([
    '127.0.0.1',
    '127.0.0.1:9090',
    '[::1]:9090',
    'localhost:9090',
    'a.localhost',
    'proxy-1',
  ])('answers as %s', async (host) => {
    expect((await ask('/', { host })).statusCode).toBe(200);
  });

  it('is not to be used by pages of other sites, but can be linked to', async () => {
    const url = `/picture?${OWL}&size=48`;
    for (const site of ['cross-site', 'same-site']) {
      const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors' };
      expect((await ask(url, headers)).statusCode).toBe(403);
      const navigation = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' };
      expect((await ask('/', navigation)).statusCode).toBe(200);
    }
    expect((await ask(url, { 'sec-fetch-site': 'same-origin' })).statusCode).toBe(200);
  });

  it('is for reading only', async () => {
    for (const method of ['POST', 'PUT', 'DELETE'] as const) {
      const headers = { host: 'localhost' };
      expect((await app.admin.inject({ method, url: '/picture', headers })).statusCode).toBe(405);
    }
  });
});

describe('the metrics beside it', () => {
  it('are answered by any name: scrapers find instances by DNS', async () => {
    const reply = await ask('/metrics', { host: 'avatars.internal.example.org:9090' });
    expect(reply.statusCode).toBe(200);
  });
});

describe('the public listener', () => {
  it('tells no timing and has no gallery', async () => {
    const avatar = await app.server.inject('/user_avatar/demo/owl/96/2.jpg');
    expect(avatar.statusCode).toBe(200);
    expect(avatar.headers).not.toHaveProperty('server-timing');
    for (const path of ['/', '/page.js', '/gallery.json', '/picture', '/metrics']) {
      expect((await app.server.inject(path)).statusCode, path).toBe(404);
    }
  });
});
