/**
 * Real trouble, a real Prometheus, and the alerts as they are handed out, but for their patience. What
 * is too costly to provoke (memory that leaks, descriptors that run out, restarts) is left to
 * `alerts.test.yml`.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, open, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { describe, it } from 'vitest';
import { emptyPanels } from '../support/dashboard.ts';
import { keepAsking } from '../support/load.ts';
import { Scene, silentOf } from '../support/observed.ts';
import { freePort } from '../support/ports.ts';
import { hasPrometheus } from '../support/prometheus.ts';

const LONG = { timeout: 100_000 };

describe.runIf(hasPrometheus).concurrent('Prometheus', LONG, () => {
  it('gets data for every panel of the dashboard from a service with something to do', async ({
    expect,
  }) => {
    await using scene = new Scene();
    const { base, admin } = await scene.start({ AVATAR_MISSING: 'letter' });
    const prometheus = await scene.watch('avatar-proxy', admin);
    const load = keepAsking(base, 20);
    scene.onEnd(() => load.stop());
    await expect
      .poll(() => emptyPanels(prometheus, '10s'), { timeout: 75_000, interval: 1000 })
      .toEqual([]);
  });

  it('says when nobody is there', async ({ expect }) => {
    await using scene = new Scene();
    const prometheus = await scene.watch('avatar-proxy', `127.0.0.1:${await freePort()}`);
    const silent = await silentOf(prometheus, ['AvatarServiceGone', 'AvatarInstanceDown']);
    expect(silent).toEqual([]);
  });

  it('says when S3 is not there', async ({ expect }) => {
    await using scene = new Scene();
    const place = `endpoint=http://127.0.0.1:${await freePort()}&region=x`;
    const service = await scene.start({
      AVATAR_ORIGINALS: `s3://bucket?${place} s3://former-bucket?${place}`,
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
    });
    const prometheus = await scene.watch('originals', service.admin);
    const silent = await silentOf(
      prometheus,
      ['AvatarRequestsFail', 'AvatarOriginalsUnreadable', 'AvatarStorePassedOver'],
      () => scene.askForAnother(service),
    );
    expect(silent).toEqual([]);
  });

  it('says when the database is not there', async ({ expect }) => {
    await using scene = new Scene();
    const service = await scene.start({
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: `postgres://u@127.0.0.1:${await freePort()}/d`,
    });
    const prometheus = await scene.watch('database', service.admin);
    const { base } = service;
    const silent = await silentOf(prometheus, ['AvatarDatabaseFails'], () =>
      fetch(`${base}/user_avatar/h/bob/48/1.png`),
    );
    expect(silent).toEqual([]);
  });

  it('says when the memory for variants is too small', async ({ expect }) => {
    await using scene = new Scene();
    const originals = await scene.folderOf({ 'h/noise/1': await noise(200).png().toBuffer() });
    const variables = { AVATAR_ORIGINALS: originals, AVATAR_MEMORY_MB: '1' };
    const { base, admin } = await scene.start(variables);
    const prometheus = await scene.watch('cache', admin);
    let size = 100;
    const silent = await silentOf(prometheus, ['AvatarCacheTooSmall'], async () => {
      for (let count = 0; count < 5; count += 1) {
        size = size === 200 ? 100 : size + 1;
        await fetch(`${base}/user_avatar/h/noise/${size}/1.png`);
      }
    });
    expect(silent).toEqual([]);
  });

  it('says when renders wait too long and are refused, because the renderer hangs', async ({
    expect,
  }) => {
    await using scene = new Scene();
    const service = await scene.start({
      AVATAR_ORIGINALS: await scene.folderOf(await users(500, 64)),
    });
    const prometheus = await scene.watch('flood', service.admin);
    const silent = await silentOf(
      prometheus,
      ['AvatarRequestsShed', 'AvatarQueueStands', 'AvatarMissesSlow'],
      () => {
        for (const pid of service.app.renderer.pids) process.kill(pid, 'SIGSTOP');
        scene.askForAnother(service);
      },
    );
    expect(silent).toEqual([]);
  });

  it('says when renderers die', async ({ expect }) => {
    await using scene = new Scene();
    const service = await scene.start({
      AVATAR_ORIGINALS: await scene.folderOf(await users(500, 1000)),
    });
    const prometheus = await scene.watch('renderers', service.admin);
    const { renderer } = service.app;
    const killer = setInterval(() => {
      if (renderer.up > 0) for (const pid of renderer.pids) process.kill(pid, 'SIGKILL');
    }, 20);
    scene.onEnd(async () => clearInterval(killer));
    const silent = await silentOf(
      prometheus,
      ['AvatarRenderersDie', 'AvatarRenderersMissing', 'AvatarOriginalQuarantined'],
      () => scene.askForAnother(service),
    );
    expect(silent).toEqual([]);
  });
});

// After the others: all that is in this process stands still with it.
describe.runIf(hasPrometheus)('Prometheus', LONG, () => {
  it('says when the event loop stands still', async ({ expect }) => {
    await using scene = new Scene();
    const { admin } = await scene.start({});
    const prometheus = await scene.watch('standstill', admin);
    const nothing = new Int32Array(new SharedArrayBuffer(4));
    const silent = await silentOf(prometheus, ['AvatarEventLoopBlocked'], () => {
      Atomics.wait(nothing, 0, 0, 400);
    });
    expect(silent).toEqual([]);
  });

  it('says when all threads of the pool are busy', async ({ expect }) => {
    await using scene = new Scene();
    const folder = await mkdtemp(join(tmpdir(), 'avatar-fifo-'));
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    scene.onEnd(() => rm(folder, { recursive: true }));
    const { admin } = await scene.start({});
    const prometheus = await scene.watch('threads', admin);
    // Opening one waits for somebody who writes, in a thread of the pool.
    const opened = Promise.all(Array.from({ length: 8 }, () => opening(fifo)));
    scene.onEnd(async () => {
      const writer = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
      for (const reader of await opened) closeSync(reader);
      closeSync(writer);
    });
    const silent = await silentOf(prometheus, ['AvatarThreadPoolBusy']);
    expect(silent).toEqual([]);
  });
});

function opening(file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    open(file, 'r', (error, descriptor) => (error === null ? resolve(descriptor) : reject(error)));
  });
}

function noise(edge: number): Sharp {
  const grains = { type: 'gaussian', mean: 128, sigma: 60 } as const;
  const create = { width: edge, height: edge, channels: 3, background: '#000' } as const;
  return sharp({ create: { ...create, noise: grains } });
}

async function users(count: number, edge: number): Promise<Record<string, Buffer>> {
  const picture = await noise(edge).jpeg().toBuffer();
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`h/user${index}/1`, picture]),
  );
}
