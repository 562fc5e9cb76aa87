/** Animations that there was no time for: a still is shown, for a while and to nobody else. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, it, onTestFinished } from 'vitest';
import { Output } from '../src/cli/output.ts';
import { openParts } from '../src/cli/parts.ts';
import { Publisher } from '../src/cli/publisher.ts';
import { loadConfig } from '../src/config/load.ts';
import { PROFILE_VERSIONS } from '../src/render/profiles.ts';
import type { VariantStore } from '../src/variants/store.ts';
import { formatAvatarPath } from '../src/vocabulary/request.ts';
import { animation, watch } from './support/animations.ts';
import { createFolder, startApp, type TestApp } from './support/app.ts';
import { moveClock } from './support/clock.ts';
import { connectS3, type TestS3 } from './support/s3-server.ts';
import { openVariants } from './variants/s3.fixture.ts';

const { signal: never } = new AbortController();
const [SIZE, FRAMES] = [120, 190];
/** Longer than what moves may take. */
const PAUSE_MS = 2300;
/** Of a renderer's CPU: it has begun to decode, and has most of that still to do. */
const BEGUN_MS = 60;

let s3: TestS3;
let store: VariantStore;
let folder: Awaited<ReturnType<typeof createFolder>>;
let variables: Record<string, string>;

beforeAll(async () => {
  s3 = await connectS3(inject('s3'));
  process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
  const bucket = await s3.createBucket('provisional');
  store = openVariants(s3, bucket);
  // A fifth of a second's work for a decoder, though there is little to see.
  const moving = await animation({ frames: FRAMES, width: 320, height: 320 });
  folder = await createFolder({
    'h/u/1': moving,
    'h/other/1': moving,
    // For renderers to have started by.
    'h/early/1': await animation(),
    'h/published/1': await animation(),
  });
  variables = {
    AVATAR_ORIGINALS: `file:${folder.directory}`,
    AVATAR_VARIANTS: `s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}`,
    AVATAR_ANIMATED: 'true',
  };
});

afterAll(async () => {
  store.close();
  await s3.stop();
  await folder.remove();
});

async function start(): Promise<TestApp> {
  const app = await startApp(variables);
  onTestFinished(() => app.close());
  return app;
}

/** Does the work with this renderer stopped for too long, soon after it has begun. */
async function whilePaused<Result>(
  pid: number | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  if (pid === undefined) throw new Error('there is no renderer');
  const before = cpuMs(pid);
  const result = work();
  await expect
    .poll(() => cpuMs(pid) - before, { interval: 1, timeout: 10_000 })
    .toBeGreaterThanOrEqual(BEGUN_MS);
  process.kill(pid, 'SIGSTOP');
  await sleep(PAUSE_MS);
  process.kill(pid, 'SIGCONT');
  return await result;
}

function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

it('a still is shown for ten minutes, is kept from other instances, and is never confirmed', async () => {
  const app = await start();
  const base = await app.listen();
  const path = `/user_avatar/h/u/${SIZE}/1.webp`;
  await fetch(`${base}/user_avatar/h/early/${SIZE}/1.webp`);
  const first = await whilePaused(app.renderer.pids[0], () => fetch(base + path));
  const etag = first.headers.get('etag') ?? '';
  const held = { 'if-none-match': etag };
  const replies = [
    first,
    // From memory, the short way of hits; and with the copy at hand.
    await fetch(base + path),
    await fetch(base + path, { headers: held }),
  ];
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 304]);
  for (const { headers } of replies) {
    expect(headers.get('cache-control')).toBe('public, max-age=600');
    expect(headers.get('etag')).toBe(etag);
  }
  expect(await watch(Buffer.from(await first.arrayBuffer()))).toMatchObject({
    format: 'webp',
    frames: 1,
    width: SIZE,
  });
  expect(await app.metric('avatar_renderer_deaths_total')).toBe(0);

  const cold = await start();
  const { headers, rawPayload } = await cold.server.inject({ url: path });
  // Not found, but rendered again. Whether there was time for it then is for the machine.
  expect(cold.lines.find((line) => line['path'] === path)).toMatchObject({ outcome: 'rendered' });
  const { frames } = await watch(rawPayload);
  expect(headers['cache-control']).toBe(
    frames === FRAMES ? 'public, max-age=31536000, immutable' : 'public, max-age=600',
  );
  const other = await start();
  await other.server.inject({ url: path, headers: held });
  expect(await other.metric('avatar_requests_total', { outcome: 'unchanged' })).toBe(0);
  // What renderers were started with.
  expect(await app.metric('avatar_shared_variant_writes_total')).toBe(1);
  const stored = await store.describe(path.slice(1), never);
  expect([undefined, 'awebp']).toContain(stored?.variant?.format);

  const outcomes = () =>
    app.lines.filter((line) => line['path'] === path).map(({ outcome }) => outcome);
  expect(outcomes()).toEqual(['rendered', 'memory', 'memory']);
  moveClock(600_000);
  await app.server.inject({ url: path });
  expect(outcomes()).not.toEqual(['rendered', 'memory', 'memory', 'memory']);
}, 60_000);

it('a still is not published', async () => {
  const unheard = { write: () => true };
  const output = new Output(false, unheard, unheard);
  const parts = await openParts(await loadConfig({ ...variables, AVATAR_RENDERS: '1' }), {
    rate: 1000,
    output,
  });
  onTestFinished(() => parts.close());
  const publisher = new Publisher(
    { ...parts, store },
    {
      addressOf: formatAvatarPath,
      profiles: PROFILE_VERSIONS,
      format: 'png',
      formats: ['awebp'],
    },
  );
  const avatar = (user: string) => ({
    site: 'h',
    host: 'h',
    user,
    id: '1',
    keys: [`h/${user}/1`],
    lastModified: undefined,
  });
  await publisher.publish(avatar('published'), [SIZE], never);
  const publishing = whilePaused(parts.renderer.pids[0], () =>
    publisher.publish(avatar('other'), [SIZE], never),
  );
  await expect(publishing).rejects.toMatchObject({ code: 'animation_too_slow' });
  expect(await store.describe(`user_avatar/h/other/${SIZE}/1.webp`, never)).toBeUndefined();
}, 30_000);
