import { once } from 'node:events';
import { rename, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createFolder, startApp } from '../support/app.ts';
import { card } from '../support/cards.ts';

/** Originals that were reached are asked again after five seconds. */
const PATIENCE = { timeout: 20_000 };

describe('health', () => {
  it('is alive and ready while originals can be reached', async () => {
    const folder = await createFolder();
    const app = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}` });
    for (const path of ['/healthz', '/readyz']) {
      const reply = await app.server.inject(path);
      expect(reply.statusCode, path).toBe(200);
      expect(reply.headers['cache-control']).toBe('no-store');
    }
    await app.close();
    await folder.remove();
  });

  it('is alive but not ready when they cannot, and says no path', async () => {
    const folder = await createFolder();
    await rename(folder.directory, `${folder.directory}-gone`);
    const app = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}` });
    const ready = await app.server.inject('/readyz');
    expect(ready.statusCode).toBeGreaterThanOrEqual(500);
    expect(ready.headers['cache-control']).toBe('no-store');
    expect(ready.body).not.toContain(folder.directory);
    expect((await app.server.inject('/healthz')).statusCode).toBe(200);
    await app.close();
    await rename(`${folder.directory}-gone`, folder.directory);
    await folder.remove();
  });

  it('is not ready while a store takes connections and says nothing, and its log says which', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const sockets = new Set<Socket>();
    silent.on('connection', (socket) => sockets.add(socket));
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'key');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    const app = await startApp({
      AVATAR_ORIGINALS: `s3://faces?region=us-east-1&endpoint=http://127.0.0.1:${port}`,
    });
    for (const path of ['/readyz', '/servez']) {
      const reply = await app.server.inject(path);
      expect(reply.json(), path).toMatchObject({ status: 504, code: 'originals_timeout' });
      expect(reply.body).not.toContain('faces');
      expect(app.lines.at(-1)?.['reason'], path).toMatch(
        /^s3:\/\/faces: no answer within 3000 ms: check the network \(firewall/,
      );
    }
    vi.unstubAllEnvs();
    await app.close();
    for (const socket of sockets) socket.destroy();
    silent.close();
  }, 20_000);

  it(
    'serves on when originals go away, having reached them once, until it drains',
    PATIENCE,
    async () => {
      const folder = await createFolder({ 'h/sam/1': await card(96, 96).png().toBuffer() });
      const away = `${folder.directory}-gone`;
      await rename(folder.directory, away);
      const app = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}` });
      onTestFinished(async () => {
        await app.close();
        await rm(away, { recursive: true });
      });
      const statusOf = async (path: string): Promise<number> =>
        (await app.server.inject(path)).statusCode;
      // One that never reached them is of no use to anybody yet.
      expect(await statusOf('/servez')).toBeGreaterThanOrEqual(500);
      expect(await statusOf('/servez')).toBe(await statusOf('/readyz'));

      await rename(away, folder.directory);
      await expect.poll(() => statusOf('/servez'), PATIENCE).toBe(200);
      const avatar = '/user_avatar/h/sam/48/1.png';
      expect(await statusOf(avatar)).toBe(200);

      await rename(folder.directory, away);
      await expect.poll(() => statusOf('/readyz'), PATIENCE).toBeGreaterThanOrEqual(500);
      const reply = await app.server.inject('/servez');
      expect([reply.statusCode, reply.headers['cache-control']]).toEqual([200, 'no-store']);
      expect(await statusOf(avatar)).toBe(200);

      app.drain();
      expect((await app.server.inject('/servez')).json()).toMatchObject({ code: 'shutting_down' });
    },
  );

  it('is not ready while draining, but still serves', async () => {
    const app = await startApp();
    app.drain();
    expect((await app.server.inject('/readyz')).json()).toMatchObject({ code: 'shutting_down' });
    expect((await app.server.inject('/healthz')).statusCode).toBe(200);
    const avatar = await app.server.inject('/user_avatar/demo/owl/48/2.png');
    expect(avatar.statusCode).toBe(200);
    await app.close();
    // Which is as it should be, and no error.
    expect(app.lines.filter(({ level }) => Number(level) > 30)).toEqual([]);
  });
});
