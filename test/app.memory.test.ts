/** What one client can have the process that listens hold, and keep from others. */
import { link } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { residentMegabytes } from '../bench/support/cpu.ts';
import { whileWatching } from '../bench/support/watch.ts';
import { createFolder, startApp } from './support/app.ts';
import { card } from './support/cards.ts';
import { withMetadata } from './support/pictures.ts';
import { type Service, startService } from './support/service.ts';

const CACHE_MB = 16;
/** What this project promises of the process that listens. */
const ROOM_MB = 300;
const FLOOD = 100;
const ANOTHER_CLIENT = '127.0.0.9';
/** So that some are rendered, and the others keep nobody for long. */
const DEADLINE_MS = 8000;

let folder: Awaited<ReturnType<typeof createFolder>>;
let service: Service;

beforeAll(async () => {
  const small = await card(64, 64).jpeg().toBuffer();
  folder = await createFolder({ 'h/flood-0/1': withMetadata(small, 19e6), 'h/small/1': small });
  for (let user = 1; user < FLOOD; user += 1) {
    await folder.put(`h/flood-${user}/other`, small);
    const [from, to] = ['flood-0', `flood-${user}`].map((name) => pathOf(name));
    await link(from ?? '', to ?? '');
  }
  service = await startService({
    AVATAR_ORIGINALS: `file:${folder.directory}`,
    AVATAR_MEMORY_MB: String(CACHE_MB),
    AVATAR_DEADLINE_MS: String(DEADLINE_MS),
    LOG_LEVEL: 'fatal',
  });
  await service.ready();
});

afterAll(async () => {
  service.child.kill('SIGKILL');
  await service.exited;
  await folder.remove();
});

function pathOf(user: string): string {
  return join(folder.directory, 'h', user, '1');
}

async function ask(user: string, size: number, localAddress = '127.0.0.1'): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const url = `${service.url}/user_avatar/h/${user}/${size}/1.png`;
  request(url, { localAddress, agent: false }, (reply) => {
    reply.resume().on('end', () => resolve(reply.statusCode ?? 0));
  })
    .on('error', reject)
    .end();
  return await promise;
}

describe('one client that asks for a hundred of the largest originals at once', () => {
  it('has no more of them held than there is memory for, and others served meanwhile', async () => {
    await expect.poll(() => ask('small', 24), { timeout: 20_000 }).toBe(200);
    const pid = service.child.pid ?? 0;
    const idle = residentMegabytes(pid);
    const { seen, result } = await whileWatching(
      () => residentMegabytes(pid),
      10,
      async () => {
        const flood = Array.from({ length: FLOOD }, (_, user) => ask(`flood-${user}`, 48));
        const others: number[] = [];
        for (const size of [32, 48, 64]) others.push(await ask('small', size, ANOTHER_CLIENT));
        return { flood: await Promise.all(flood), others };
      },
    );
    expect(Math.max(...seen) - idle).toBeLessThan(CACHE_MB + ROOM_MB);
    expect(result.others).toEqual([200, 200, 200]);
    expect(result.flood.filter((status) => status === 200).length).toBeGreaterThan(0);
    expect(result.flood.filter((status) => ![200, 503, 504].includes(status))).toEqual([]);
  });
});

describe('large originals', () => {
  it('need memory no longer than they are needed: there is room for one after the other', async () => {
    const app = await startApp({
      AVATAR_ORIGINALS: `file:${folder.directory}`,
      AVATAR_DEADLINE_MS: '5000',
    });
    onTestFinished(() => app.close());
    await expect.poll(() => app.renderer.up, { timeout: 15_000 }).toBe(1);
    const statuses: number[] = [];
    // Together they are more than may be held.
    for (const user of ['flood-0', 'flood-1', 'flood-2', 'flood-3', 'flood-4']) {
      const url = `/user_avatar/h/${user}/48/1.png`;
      statuses.push((await app.server.inject({ url })).statusCode);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200]);
  }, 60_000);
});
