/** What is shown in place of an avatar, and that a copy of it is not sent twice. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, startApp, type TestApp } from '../support/app.ts';
import { card } from '../support/cards.ts';

const PATH = '/user_avatar/h/nobody/48/1.png';
const TEN_MINUTES = 'public, max-age=600';
const IN_2024 = 'Mon, 01 Jan 2024 00:00:00 GMT';

let folder: Awaited<ReturnType<typeof createFolder>>;

beforeAll(async () => {
  folder = await createFolder();
});

afterAll(() => folder.remove());

describe.each(['blank', 'letter'])('AVATAR_MISSING=%s', (missing) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startApp({
      AVATAR_ORIGINALS: `file:${folder.directory}`,
      AVATAR_MISSING: missing,
      AVATAR_NEGOTIATE: 'webp',
    });
  });

  afterAll(() => app.close());

  async function get(headers: Record<string, string> = {}, path = PATH) {
    return await app.server.inject({ url: path, headers });
  }

  it('shows a picture for ten minutes', async () => {
    const reply = await get();
    expect(reply.statusCode).toBe(200);
    expect(reply.headers).toMatchObject({
      'content-type': 'image/png',
      'cache-control': TEN_MINUTES,
      vary: 'Accept',
    });
  });

  it('sends nobody who has it the same picture again', async () => {
    const { headers: whole } = await get();
    const tag = String(whole['etag']);
    for (const held of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const reply = await get({ 'if-none-match': held });
      expect(reply.statusCode, held).toBe(304);
      expect(reply.rawPayload.byteLength).toBe(0);
      const { etag, vary, 'cache-control': cacheControl } = reply.headers;
      expect({ etag, vary, cacheControl }).toEqual({
        etag: tag,
        vary: 'Accept',
        cacheControl: TEN_MINUTES,
      });
      expect(reply.headers).not.toHaveProperty('content-type');
    }
    expect((await get({ 'if-none-match': '"other"' })).statusCode).toBe(200);
    const labels = { outcome: 'stand_in', picture: missing, status: '304' };
    expect(await app.metric('avatar_requests_total', labels)).toBe(4);
  });

  it('has no Vary where no format is negotiated', async () => {
    const path = PATH.replace('.png', '.webp');
    const { headers } = await get({}, path);
    const reply = await get({ 'if-none-match': String(headers['etag']) }, path);
    expect(reply.statusCode).toBe(304);
    for (const each of [headers, reply.headers]) expect(each).not.toHaveProperty('vary');
  });

  it('is not taken for the avatar there was: a date says nothing', async () => {
    expect((await get({ 'if-modified-since': IN_2024 })).statusCode).toBe(200);
  });

  it('makes room for the avatar', async () => {
    const path = `/user_avatar/h/late-${missing}/48/1.png`;
    const { etag } = (await get({}, path)).headers;
    await folder.put(`h/late-${missing}/1`, await card(64, 64).png().toBuffer());
    // This instance remembers that there was none.
    const other = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}` });
    const headers = { 'if-none-match': String(etag) };
    const reply = await other.server.inject({ url: path, headers });
    expect(reply.statusCode).toBe(200);
    expect(reply.headers['etag']).not.toBe(etag);
    await other.close();
  });
});
