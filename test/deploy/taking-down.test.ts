/** What docs/operating.md says of taking a picture down, done with a real S3 server and a real nginx. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { commandsOf } from '../../scripts/documented-commands.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { card } from '../support/cards.ts';
import { ask, cacheStatus, type Nginx, nginxIsInstalled, startNginx } from '../support/nginx.ts';
import { freePort } from '../support/ports.ts';
import { connectS3, type TestS3 } from '../support/s3-server.ts';

const IS_LIVE = nginxIsInstalled();
if (!IS_LIVE && process.env['REQUIRE_NGINX'] === '1') {
  throw new Error('REQUIRE_NGINX=1, and nginx is not installed');
}

const document = readFileSync(join(import.meta.dirname, '../../docs/operating.md'), 'utf8');
const runbook = document.split('\n## Taking a picture down\n')[1]?.split('\n## ')[0] ?? '';
const commands = commandsOf(runbook);
const PREFIXES = Array.from(
  runbook.matchAll(/s3 rm --recursive 's3:\/\/forum-avatars\/(?<prefix>[^']+)'/g),
  ({ groups }) => groups?.['prefix'] ?? '',
);
const PURGE = commands.find((command) => command.includes('/var/cache/nginx-avatars')) ?? '';

const TAKEN = { sam: 'sam', 'sam hill': 'sam%20hill' };
const SIZES = [48, 96];

describe.runIf(IS_LIVE)('a picture that is taken down', () => {
  let s3: TestS3;
  let bucket: string;
  let port: number;
  let nginx: Nginx;
  let instance: TestApp;

  beforeAll(async () => {
    s3 = await connectS3(inject('s3'));
    bucket = await s3.createBucket('down');
    process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
    port = await freePort();
    nginx = await startNginx({ avatars: `127.0.0.1:${port}`, forum: '127.0.0.1:9' });
    instance = await startInstance();
  }, 60_000);

  afterAll(async () => {
    await Promise.all([instance.close(), nginx.stop()]);
    await s3.stop();
  });

  async function startInstance(): Promise<TestApp> {
    const options = `region=us-east-1&endpoint=${s3.endpoint}`;
    const app = await startApp({
      AVATAR_ORIGINALS: `s3://${bucket}/originals?${options}`,
      AVATAR_VARIANTS: `s3://${bucket}/?${options}`,
    });
    await app.server.listen({ host: '127.0.0.1', port });
    return app;
  }

  async function keysUnder(prefix: string): Promise<string[]> {
    return (await s3.keys(bucket)).filter((key) => key.startsWith(prefix));
  }

  it('is gone after the five steps, and no other is', async () => {
    const picture = await card(96, 96).png().toBuffer();
    for (const user of [...Object.keys(TAKEN), 'sam2']) {
      await s3.put(bucket, `originals/forum.example/${user}/1`, picture);
    }
    const addressesOf = (user: string): string[] =>
      SIZES.map((size) => `/user_avatar/forum.example/${user}/${size}/1.png`);
    const taken = Object.values(TAKEN).flatMap(addressesOf);
    const others = addressesOf('sam2');
    for (const address of [...taken, ...others]) {
      expect((await ask(nginx.port, address)).status, address).toBe(200);
    }
    await expect.poll(() => s3.keys(bucket)).toHaveLength(3 * (SIZES.length + 1));

    for (const user of Object.keys(TAKEN)) {
      await s3.remove(bucket, `originals/forum.example/${user}/1`);
    }
    expect(PREFIXES).toHaveLength(Object.keys(TAKEN).length);
    for (const prefix of PREFIXES) {
      const keys = await keysUnder(prefix);
      expect(keys, prefix).toHaveLength(SIZES.length);
      for (const key of keys) await s3.remove(bucket, key);
    }
    await instance.close();
    instance = await startInstance();
    // Until now the address is as good as ever.
    expect(cacheStatus(await ask(nginx.port, taken[0] ?? ''))).toBe('HIT');
    for (const user of Object.values(TAKEN)) {
      const purge = PURGE.replace('/sam/', `/${user}/`)
        .replace('/var/cache/nginx-avatars', join(nginx.folder, 'cache'))
        .replaceAll('sudo ', '');
      await promisify(execFile)('/bin/sh', ['-c', purge]);
    }

    for (const address of taken) {
      const reply = await ask(nginx.port, address);
      expect([reply.status, cacheStatus(reply)], address).toEqual([404, 'MISS']);
    }
    for (const address of others) {
      const reply = await ask(nginx.port, address);
      expect([reply.status, cacheStatus(reply)], address).toEqual([200, 'HIT']);
    }
    expect(await s3.keys(bucket)).toHaveLength(1 + SIZES.length);
  });
});
