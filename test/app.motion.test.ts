/** Avatars that move, from the original to the client. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { animation, watch } from './support/animations.ts';
import { createFolder, startApp, type TestApp } from './support/app.ts';
import { gif } from './support/pictures.ts';

let folder: Awaited<ReturnType<typeof createFolder>>;
/** What instances with AVATAR_ANIMATED are started with. */
let animated: Record<string, string>;
let moving: TestApp;
let still: TestApp;

beforeAll(async () => {
  folder = await createFolder({
    'h/gif/1': await animation({ frames: 6, delays: [50, 60, 70, 80, 90, 100], loop: 2 }),
    'h/webp/1': await animation({ kind: 'webp' }),
    'h/still/1': await animation({ kind: 'webp', frames: 1 }),
    // Without its last frames: decoders of WebP refuse all of it, and of GIF some.
    'h/damaged/1': await cutShort('webp'),
    'h/cut/1': await cutShort('gif'),
    'h/long/1': await animation({ frames: 120, width: 16, height: 16 }),
    // Each frame is a dot, but decoders draw all of the canvas two hundred times.
    'h/hostile/1': gif(
      440,
      440,
      Array.from({ length: 199 }, () => ({})),
    ),
    'h/endless/1': gif(
      1,
      1,
      Array.from({ length: 50_000 }, () => ({})),
    ),
  });
  const variables = { AVATAR_ORIGINALS: `file:${folder.directory}`, AVATAR_NEGOTIATE: 'webp' };
  animated = { ...variables, AVATAR_ANIMATED: 'true' };
  moving = await startApp(animated);
  still = await startApp(variables);
});

afterAll(async () => {
  await Promise.all([moving.close(), still.close()]);
  await folder.remove();
});

async function cutShort(kind: 'gif' | 'webp'): Promise<Buffer> {
  const whole = await animation({ kind, frames: 9, width: 200, height: 200 });
  return whole.subarray(0, whole.length * 0.7);
}

async function get(app: TestApp, path: string, headers: Record<string, string> = {}) {
  const url = `/user_avatar/h/${path}`;
  const { statusCode, headers: got, rawPayload } = await app.server.inject({ url, headers });
  return {
    status: statusCode,
    etag: String(got['etag']),
    type: got['content-type'],
    cacheControl: got['cache-control'],
    body: rawPayload,
  };
}

describe('with AVATAR_ANIMATED', () => {
  it.each([
    ['gif/48/1.webp', {}, 'image/webp', 6],
    ['gif/48/1.gif', {}, 'image/gif', 6],
    ['webp/48/1.webp', {}, 'image/webp', 4],
    ['webp/48/1.gif', {}, 'image/gif', 4],
    ['gif/48/1.png', { accept: 'image/webp' }, 'image/webp', 6],
  ] as const)('%s with %o moves', async (path, headers, type, frames) => {
    const reply = await get(moving, path, headers);
    expect(reply).toMatchObject({ status: 200, type });
    expect(await watch(reply.body)).toMatchObject({ frames, width: 48, height: 48 });
    // The same by the short way.
    expect((await get(moving, path, headers)).body.equals(reply.body)).toBe(true);
  });

  it('times and repetitions are those of the original', async () => {
    const { body } = await get(moving, 'gif/64/1.webp');
    expect(await watch(body)).toMatchObject({ delays: [50, 60, 70, 80, 90, 100], loop: 2 });
  });

  it.each([
    ['gif/48/1.png', 'image/png'],
    ['gif/48/1.jpg', 'image/jpeg'],
    ['gif/48/1.avif', 'image/avif'],
    ['still/48/1.webp', 'image/webp'],
    ['still/48/1.gif', 'image/gif'],
    ['damaged/48/1.webp', 'image/webp'],
    // Too many frames; and more of them than are scaled to this size.
    ['endless/48/1.webp', 'image/webp'],
    ['long/240/1.webp', 'image/webp'],
  ] as const)('%s is still', async (path, type) => {
    const reply = await get(moving, path);
    expect(reply).toMatchObject({ status: 200, type });
    expect((await watch(reply.body)).frames).toBe(1);
  });

  it('a picture moves at the sizes it is not too much for', async () => {
    expect((await watch((await get(moving, 'long/48/1.webp')).body)).frames).toBe(120);
    expect((await watch((await get(moving, 'long/48/1.gif')).body)).frames).toBe(120);
  });

  it('a GIF moves at smaller sizes than a WebP, for it takes several times as long', async () => {
    const [webp, gif96] = [await get(moving, 'long/96/1.webp'), await get(moving, 'long/96/1.gif')];
    expect((await watch(webp.body)).frames).toBe(120);
    expect((await watch(gif96.body)).frames).toBe(1);
  });

  it('a picture that is cut off is shown, as far as it goes or as a still', async () => {
    const { status, body } = await get(moving, 'cut/48/1.webp');
    expect(status).toBe(200);
    expect(await watch(body)).toMatchObject({ width: 48, height: 48 });
    const damaged = await get(moving, 'damaged/48/1.webp');
    expect(damaged.etag).toMatch(/^"webp/);
    // No other try would bring all that moves.
    expect(damaged.cacheControl).toContain('immutable');
  });

  it('what is made to be slow is answered all the same', async () => {
    const reply = await get(moving, 'hostile/144/1.webp');
    expect(reply.status).toBe(200);
    expect(await watch(reply.body)).toMatchObject({ width: 144, height: 144 });
  });

  it('entity tags tell what moves from what does not', async () => {
    const [there, elsewhere] = [
      await get(moving, 'gif/48/1.webp'),
      await get(still, 'gif/48/1.webp'),
    ];
    expect(there.etag).toMatch(/^"awebp\d+-48-/);
    expect(elsewhere.etag).toMatch(/^"webp\d+-48-/);
    // What does not move is the same with and without, but a tag tells that it might have moved.
    const [one, other] = [
      await get(moving, 'still/48/1.webp'),
      await get(still, 'still/48/1.webp'),
    ];
    expect(one.body.equals(other.body)).toBe(true);
    expect(one.etag).toMatch(/^"webp\d+\.awebp-48-/);
    expect((await get(moving, 'long/240/1.webp')).etag).toMatch(/^"webp\d+\.awebp-240-/);
  });

  it('a copy held is told to be unchanged, by who has rendered it and by who has not', async () => {
    for (const path of ['gif/40/1.webp', 'still/40/1.webp', 'gif/40/1.gif']) {
      const { etag } = await get(moving, path);
      expect((await get(moving, path, { 'if-none-match': etag })).status).toBe(304);
      const other = path.replace('/40/', '/41/');
      const { etag: fresh } = await get(moving, other, {
        'if-none-match': etag.replace('-40-', '-41-'),
      });
      expect(fresh).toBe(etag.replace('-40-', '-41-'));
    }
  });
});

describe('once it is set', () => {
  it.each(['gif/48/1.webp', 'webp/48/1.webp'])(
    'a still of %s that is held is replaced, by who has rendered the other and by who has not',
    async (path) => {
      const { etag } = await get(still, path);
      const cold = await startApp(animated);
      onTestFinished(() => cold.close());
      for (const app of [cold, moving, cold]) {
        const reply = await get(app, path, { 'if-none-match': etag });
        expect(reply.status).toBe(200);
        expect((await watch(reply.body)).frames).toBeGreaterThan(1);
      }
    },
  );

  it('a still of what never moved holds once it has been asked for again', async () => {
    const { etag } = await get(still, 'still/48/1.webp');
    const { etag: renewed } = await get(moving, 'still/48/1.webp', { 'if-none-match': etag });
    const cold = await startApp(animated);
    onTestFinished(() => cold.close());
    expect(await get(cold, 'still/48/1.webp', { 'if-none-match': renewed })).toMatchObject({
      status: 304,
      etag: renewed,
    });
    expect(await cold.metric('avatar_render_duration_seconds_count')).toBe(0);
  });
});

describe('without it', () => {
  it('nothing moves, and there are no GIFs', async () => {
    for (const path of ['gif/48/1.webp', 'webp/48/1.webp', 'gif/48/1.png']) {
      expect((await watch((await get(still, path)).body)).frames).toBe(1);
    }
    expect((await get(still, 'gif/48/1.gif')).status).toBe(404);
  });
});
