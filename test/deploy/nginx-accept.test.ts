/** The map of nginx.conf.example on the list that the service itself answers to. */
import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, startApp, type TestApp } from '../support/app.ts';
import { card } from '../support/cards.ts';
import {
  ask,
  cacheStatus,
  type Nginx,
  nginxIsInstalled,
  startNginx,
  uncommentNegotiation,
} from '../support/nginx.ts';
import { type Recorder, startRecorder } from '../support/recorder.ts';
import { MADE_UP, MALFORMED, REAL, WEIGHED } from '../http/accept-matrix.ts';

const IS_LIVE = nginxIsInstalled();
if (!IS_LIVE && process.env['REQUIRE_NGINX'] === '1') {
  throw new Error('REQUIRE_NGINX=1, and nginx is not installed');
}

const CLIENTS = [...REAL, ...MADE_UP, ...MALFORMED];
const PATH = '/user_avatar/h/u/48/1.png';

describe.runIf(IS_LIVE)('nginx in front of a service that negotiates', () => {
  const agent = new Agent({ keepAlive: true });
  let folder: Awaited<ReturnType<typeof createFolder>>;
  let app: TestApp;
  let forum: Recorder;
  let nginx: Nginx;

  beforeAll(async () => {
    folder = await createFolder({ 'h/u/1': await card(90, 90).jpeg().toBuffer() });
    app = await startApp({
      AVATAR_ORIGINALS: `file:${folder.directory}`,
      AVATAR_NEGOTIATE: 'avif,webp',
    });
    forum = await startRecorder((_request, response) => response.end('the forum'));
    const avatars = new URL(await app.listen()).host;
    nginx = await startNginx({ avatars, forum: forum.address }, uncommentNegotiation);
  });

  afterAll(async () => {
    agent.destroy();
    await nginx.stop();
    await app.close();
    await forum.close();
    await folder.remove();
  });

  async function get(path: string, accept: string | undefined, method = 'GET') {
    return await ask(nginx.port, path, {
      method,
      agent,
      headers: accept === undefined ? {} : { accept },
    });
  }

  const seen = (path: string): number => app.lines.filter((line) => line['path'] === path).length;

  it.each(CLIENTS)('$who gets $gets', async ({ accept, gets }) => {
    const { status, headers } = await get(PATH, accept);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': `image/${gets}`, vary: 'Accept' });
  });

  // As the comment beside the map says.
  it.each(WEIGHED)('$who: is given the first that is named', async ({ accept = '' }) => {
    const { headers } = await get(PATH, accept);
    const named = accept.includes('image/avif') ? 'avif' : 'webp';
    expect(headers).toMatchObject({ 'content-type': `image/${named}` });
  });

  it('asks the service once for each class, however they are spelt', async () => {
    for (const { accept } of CLIENTS) await get(PATH, accept);
    // AVIF and WebP, WebP, neither, and AVIF alone.
    await expect.poll(() => seen(PATH)).toBe(4);
  });

  it('keeps one copy of what is the same for all', async () => {
    const path = PATH.replace('.png', '.webp');
    const replies = [await get(path, 'image/avif,*/*'), await get(path, '*/*')];
    expect(replies.map(cacheStatus)).toEqual(['MISS', 'HIT']);
    for (const { headers } of replies) expect(headers).not.toHaveProperty('vary');
  });

  it('does not take one class’s copy for another’s', async () => {
    const avif = await get(PATH, 'image/avif,*/*');
    const headers = { accept: 'image/webp,*/*', 'if-none-match': String(avif.headers.etag) };
    const webp = await ask(nginx.port, PATH, { headers });
    expect(webp.status).toBe(200);
    expect(webp.headers['content-type']).toBe('image/webp');
    const held = { ...headers, accept: 'image/avif' };
    const { status } = await ask(nginx.port, PATH, { headers: held });
    expect(status).toBe(304);
  });

  it('leaves the forum the header of the client', async () => {
    const accept = 'text/html,image/avif,*/*;q=0.8';
    await get('/t/topic/1', accept);
    await get('/user_avatar/u/refresh_gravatar', accept, 'POST');
    await get('/none', undefined);
    expect(forum.take().map(({ headers }) => headers.accept)).toEqual([accept, accept, undefined]);
  });
});
