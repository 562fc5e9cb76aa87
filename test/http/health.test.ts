import { rename } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createFolder, startApp } from '../support/app.ts';

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

  it('is not ready while draining, but still serves', async () => {
    const app = await startApp();
    app.drain();
    expect((await app.server.inject('/readyz')).json()).toMatchObject({ code: 'shutting_down' });
    expect((await app.server.inject('/healthz')).statusCode).toBe(200);
    const avatar = await app.server.inject('/user_avatar/demo/owl/48/2.png');
    expect(avatar.statusCode).toBe(200);
    await app.close();
  });
});
