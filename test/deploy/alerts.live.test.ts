/** Real trouble, a real Prometheus, and the alerts as they are handed out, but for their patience. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, open, openSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { describe, inject, it } from 'vitest';
import { emptyPanels } from '../support/dashboard.ts';
import { CROWD, discourseSchema } from '../support/discourse-database.ts';
import { keepAsking } from '../support/load.ts';
import { Scene, silentOf } from '../support/observed.ts';
import { freePort } from '../support/ports.ts';
import { startPostgres } from '../support/postgres.ts';
import { hasPrometheus } from '../support/prometheus.ts';
import { connectS3 } from '../support/s3-server.ts';
import { type Service, startService } from '../support/service.ts';

const FIRST_OF_CROWD = 100_000;
const LONG = { timeout: 100_000 };

describe.runIf(hasPrometheus).concurrent('Prometheus', LONG, () => {
  it('gets data for every panel of the dashboard from a service with something to do', async ({
    expect,
  }) => {
    await using scene = new Scene();
    const s3 = await connectS3(inject('s3'));
    scene.onEnd(() => s3.stop());
    process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
    const bucket = await s3.createBucket('panels');
    const { base, admin } = await scene.start({
      AVATAR_MISSING: 'letter',
      AVATAR_VARIANTS: `s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}`,
    });
    const prometheus = await scene.watch('avatar-proxy', admin);
    // What is exported from the start is no proof that anybody counts.
    const scrapedTwice = 'count_over_time(avatar_build_info[10s]) > 1';
    await expect.poll(() => prometheus.query(scrapedTwice), { timeout: 30_000 }).toHaveLength(1);
    const idle = await emptyPanels(prometheus, '10s');
    for (const panel of ['Requests', 'By outcome', 'Bytes out', 'Bytes in', 'Look-ups', 'Writes']) {
      expect(idle).toContainEqual(expect.stringMatching(`^${panel}: `));
    }
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
      [
        'AvatarRequestsFail',
        'AvatarOriginalsUnreadable',
        'AvatarStorePassedOver',
        'AvatarStoreInTrouble',
      ],
      () => scene.askForAnother(service),
    );
    expect(silent).toEqual([]);
  });

  it('says when the store of variants is not there', async ({ expect }) => {
    await using scene = new Scene();
    const service = await scene.start({
      AVATAR_ORIGINALS: await scene.folderOf(await users(500, 64)),
      AVATAR_VARIANTS: `s3://bucket?endpoint=http://127.0.0.1:${await freePort()}&region=x`,
    });
    const prometheus = await scene.watch('variants', service.admin);
    const silent = await silentOf(prometheus, ['AvatarSharedVariantsFail'], () =>
      scene.askForAnother(service),
    );
    expect(silent).toEqual([]);
  });

  it('says when an instance restarts again and again', async ({ expect }) => {
    await using scene = new Scene();
    const adminPort = await freePort();
    const prometheus = await scene.watch('restarts', `127.0.0.1:${adminPort}`, 70);
    const startSeen = async (): Promise<string | undefined> =>
      (await prometheus.query('process_start_time_seconds'))[0]?.value[1];
    let last: string | undefined;
    const silent = await silentOf(prometheus, ['AvatarRestarts'], async () => {
      const service = await startProcess(scene, adminPort);
      const isSeen = async (): Promise<boolean> => ![undefined, last].includes(await startSeen());
      await expect.poll(isSeen, { timeout: 30_000 }).toBe(true);
      last = await startSeen();
      service.child.kill('SIGKILL');
      await service.exited;
    });
    expect(silent).toEqual([]);
  });

  it('says when a front opens a connection for each request, and closes none', async ({
    expect,
  }) => {
    await using scene = new Scene();
    const adminPort = await freePort();
    const service = await startProcess(scene, adminPort);
    await service.ready();
    const pid = service.child.pid ?? 0;
    const openFiles = (): number => readdirSync(`/proc/${pid}/fd`).length;
    const limit = openFiles() * 3;
    execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${limit}:${limit}`]);
    const prometheus = await scene.watch('descriptors', `127.0.0.1:${adminPort}`);
    const silent = await silentOf(prometheus, ['AvatarDescriptorsRunOut'], () => {
      // What is left is for Prometheus.
      if (openFiles() > limit * 0.85) return;
      const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
      scene.onEnd(async () => socket.destroy());
    });
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

  it('says when the database names originals that no store has', async ({ expect }) => {
    await using scene = new Scene();
    const postgres = await startPostgres();
    scene.onEnd(() => postgres.stop());
    const service = await scene.start({
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: await postgres.createDatabase('forum', discourseSchema() + CROWD),
      AVATAR_ORIGINALS: await scene.folderOf({}),
    });
    const prometheus = await scene.watch('missing', service.admin);
    let id = FIRST_OF_CROWD;
    const silent = await silentOf(prometheus, ['AvatarOriginalsMissing'], () => {
      id += 1;
      return fetch(`${service.base}/user_avatar/h/user${id}/48/${id}_2.png`);
    });
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

  it('says when memory leaks', async ({ expect }) => {
    await using scene = new Scene();
    const { admin } = await scene.start({ AVATAR_MEMORY_MB: '1' });
    const prometheus = await scene.watch('memory', admin);
    const leaked = Buffer.alloc(700e6, 1);
    const silent = await silentOf(prometheus, ['AvatarMemoryGrows']);
    expect(silent).toEqual([]);
    expect(leaked).toHaveLength(700e6);
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

/** Where it takes one of its own: gone with the scene, if not before. */
async function startProcess(scene: Scene, adminPort: number): Promise<Service> {
  const service = await startService({ ADMIN_PORT: `${adminPort}`, AVATAR_RENDERS: '1' });
  scene.onEnd(async () => {
    service.child.kill('SIGKILL');
    await service.exited;
  });
  return service;
}

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
