/** deploy/nginx/variants-first.conf under a real nginx, with variants in a real S3 server. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { card } from '../support/cards.ts';
import { linesOf, startCommand } from '../support/commands.ts';
import { ask, change, type Nginx, nginxIsInstalled, runNginx } from '../support/nginx.ts';
import { freePort } from '../support/ports.ts';
import { connectS3, type TestS3 } from '../support/s3-server.ts';

const IS_LIVE = nginxIsInstalled() && inject('s3').kind === 'rgw';
if (!IS_LIVE && process.env['REQUIRE_NGINX'] === '1' && process.env['REQUIRE_REAL_S3'] === '1') {
  throw new Error('REQUIRE_NGINX=1 and REQUIRE_REAL_S3=1, and one of them is not installed');
}

const FILE = join(import.meta.dirname, '..', '..', 'deploy', 'nginx', 'variants-first.conf');
const YEAR = 'public, max-age=31536000, immutable';
const SIZES = [24, 48, 96];
const USERS = { sam: 'sam', jörg: 'j%C3%B6rg', 'a+b': 'a%2Bb', '50%': '50%25' };
/** S3 has it under another key than that of its address. */
const SPACED = 'a b';
const ADDRESSES = Object.values(USERS).flatMap((user) =>
  SIZES.map((size) => `/user_avatar/h.example/${user}/${size}/1.png`),
);
const SPACED_ADDRESS = '/user_avatar/h.example/a%20b/48/1.png';

describe.runIf(IS_LIVE)('nginx with the bucket of variants first', () => {
  let s3: TestS3;
  let bucket: string;
  let folder: string;
  let picture: Buffer;
  let published: { readonly code: unknown; readonly results: string };

  beforeAll(async () => {
    s3 = await connectS3(inject('s3'));
    bucket = await s3.createBucket('first');
    await s3.allowPublicReads(bucket);
    process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
    folder = await mkdtemp(join(tmpdir(), 'avatar-first-'));
    picture = await card(96, 96).png().toBuffer();
    for (const user of [...Object.keys(USERS), SPACED]) {
      await s3.put(bucket, `originals/h.example/${user}/1`, picture);
    }
    const args = ['publish', '--json', '--state', join(folder, 'publish.state')];
    const credentials = {
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    };
    const running = startCommand(args, { ...variables(), ...credentials });
    published = { code: await running.ended, ...running.output() };
  }, 60_000);

  afterEach(() => s3.proxy.heal());

  afterAll(async () => {
    await s3.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function variables(): Record<string, string> {
    const options = `region=us-east-1&endpoint=${inject('s3').endpoint}`;
    return {
      AVATAR_ORIGINALS: `s3://${bucket}/originals?${options}`,
      AVATAR_VARIANTS: `s3://${bucket}/variants?${options}`,
      AVATAR_SIZES: SIZES.join(' '),
      AVATAR_RENDERS: '1',
    };
  }

  async function startFront(avatars: string): Promise<Nginx> {
    const text = readFileSync(FILE, 'utf8');
    return await runNginx(({ folder, port }) => {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `    ${name}_temp_path ${folder}/${name};\n`,
      );
      return change(text, [
        { what: /^worker_processes auto;$/gm, to: 'worker_processes 1;' },
        { what: /^http \{\n/gm, to: `http {\n${temporary.join('')}` },
        { what: /\/var\/log\/nginx\/access\.log/g, to: `${folder}/access.log` },
        { what: /\/var\/cache\/nginx-avatars/g, to: `${folder}/cache` },
        { what: /127\.0\.0\.1:8080\b/g, to: avatars },
        {
          what: /http:\/\/127\.0\.0\.1:9000\/forum-avatars\b/g,
          to: `${s3.endpoint}/${bucket}/variants`,
        },
        { what: /^ +listen 80;$/gm, to: `listen 127.0.0.1:${port};` },
      ]);
    });
  }

  describe('after avatar-proxy publish, with the service stopped entirely', () => {
    let alone: Nginx;
    /** What a service without variants gives, which has ended since. */
    const rendered = new Map<string, { body: Buffer; type: unknown }>();

    beforeAll(async () => {
      const app = await startApp({ ...variables(), AVATAR_VARIANTS: '' });
      const origin = new URL(await app.listen()).host;
      for (const address of ADDRESSES) {
        const { rawPayload: body, headers } = await app.server.inject(address);
        rendered.set(address, { body, type: headers['content-type'] });
      }
      alone = await startFront(origin);
      await app.close();
    }, 60_000);

    afterAll(() => alone.stop());

    it('answers every listed size', async () => {
      const stored = (Object.keys(USERS).length + 1) * SIZES.length;
      expect(linesOf(published).at(-1)).toMatchObject({ stored, broken: 0, leftOut: 0 });
      expect(published.code).toBe(0);
      for (const address of ADDRESSES) {
        const { status, headers, body } = await ask(alone.port, address);
        expect([status, headers['cache-control']], address).toEqual([200, YEAR]);
        expect(headers['content-type']).toBe(rendered.get(address)?.type);
        expect(body.equals(rendered.get(address)?.body ?? Buffer.alloc(0))).toBe(true);
      }
      // What nobody has published takes the service.
      expect((await ask(alone.port, '/user_avatar/h.example/sam/72/1.png')).status).toBe(502);
    });

    it('sends with them what the service sends, and nothing of S3’s own', async () => {
      const { headers } = await ask(alone.port, ADDRESSES[0] ?? '');
      expect(headers).toMatchObject({
        'access-control-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin',
        'x-content-type-options': 'nosniff',
        etag: expect.stringMatching(/^"\w+"$/),
        'last-modified': expect.any(String),
      });
      expect(Object.keys(headers).filter((name) => name.startsWith('x-amz'))).toEqual([]);
    });
  });

  describe('and the service for the rest', () => {
    let app: TestApp;
    let front: Nginx;
    /** No service of its own. */
    let alone: Nginx;

    beforeAll(async () => {
      for (const user of ['late', 'asked']) {
        await s3.put(bucket, `originals/h.example/${user}/1`, picture);
      }
      app = await startApp({ ...variables(), AVATAR_SIZES: 'any' });
      front = await startFront(new URL(await app.listen()).host);
      alone = await startFront(`127.0.0.1:${await freePort()}`);
    }, 60_000);

    afterAll(() => Promise.all([front.stop(), alone.stop(), app.close()]));

    const seenByService = (path: string): number =>
      app.lines.filter((line) => line['path'] === path).length;

    it('answers HEAD and conditional requests from there as well', async () => {
      const [, address = ''] = ADDRESSES;
      const head = await ask(front.port, address, { method: 'HEAD' });
      expect([head.status, head.headers['cache-control']]).toEqual([200, YEAR]);
      const headers = { 'if-none-match': String(head.headers.etag) };
      expect((await ask(front.port, address, { headers })).status).toBe(304);
      expect(seenByService(address)).toBe(0);
    });

    it('hands neither a client’s credentials to S3, which refuses them, nor its query', async () => {
      const [, , address = ''] = ADDRESSES;
      const headers = {
        authorization: 'Basic dTpw',
        'x-amz-date': 'yesterday',
        range: 'bytes=0-1',
      };
      const reply = await ask(front.port, `${address}?acl&versionId=x`, { headers });
      expect([reply.status, reply.body.length]).toEqual([206, 2]);
      expect(seenByService(address)).toBe(0);
    });

    it('asks the service for what is not in the bucket, and finds it there the next time', async () => {
      const address = '/user_avatar/h.example/late/48/1.png';
      const replies = await Promise.all(Array.from({ length: 20 }, () => ask(front.port, address)));
      for (const { status, headers } of replies) {
        expect([status, headers['cache-control']]).toEqual([200, YEAR]);
      }
      const rendered = { path: address, outcome: 'rendered' };
      expect(app.lines.filter((line) => line['outcome'] === 'rendered')).toMatchObject([rendered]);
      await expect.poll(async () => (await ask(alone.port, address)).status).toBe(200);
    });

    it('leaves verdicts, redirects and other methods to the service', async () => {
      const missing = await ask(front.port, '/user_avatar/h.example/nobody/48/1.png');
      expect(missing.status).toBe(404);
      expect(missing.headers).toMatchObject({
        'content-type': 'application/problem+json',
        'cache-control': 'public, max-age=600',
      });
      const [address = ''] = ADDRESSES;
      const posted = await ask(front.port, address, { method: 'POST', body: 'x' });
      expect(posted.status).toBe(405);
      expect(posted.headers['allow']).toContain('GET');
      const options = await ask(front.port, address, { method: 'OPTIONS' });
      expect(options.status).toBe(204);
    });

    it('shows nobody the face of another, however S3 reads a plus', async () => {
      const key = `variants/user_avatar/h.example/a b/48/1.png`;
      expect(await s3.has(bucket, key)).toBe(false);
      const { status, body } = await ask(front.port, SPACED_ADDRESS);
      expect(status).toBe(200);
      const { rawPayload } = await app.server.inject(SPACED_ADDRESS);
      expect(body.equals(rawPayload)).toBe(true);
    });

    it.each([
      ['hangs', { kind: 'silence' }],
      ['fails', { kind: 'reply', status: 500 }],
      ['resets connections', { kind: 'reset' }],
    ] as const)('does without the bucket while that %s', async (how, fault) => {
      s3.proxy.inject(fault);
      const address = `/user_avatar/h.example/asked/${24 + how.length}/1.png`;
      const reply = await ask(front.port, address);
      expect([reply.status, reply.headers['cache-control']]).toEqual([200, YEAR]);
    });
  });
});
