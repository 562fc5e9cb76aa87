/** Every request has one line and one count, however it ended: over real connections. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, type LogLine, startApp, type TestApp } from '../support/app.ts';
import { card } from '../support/cards.ts';
import { ask } from '../support/nginx.ts';

const PATH = '/user_avatar/h/u/48/1.png';

let folder: Awaited<ReturnType<typeof createFolder>>;
let app: TestApp;
let port: number;

beforeAll(async () => {
  folder = await createFolder({
    'h/u/1': await card(90, 90).png().toBuffer(),
    'h/broken/1': Buffer.from('no picture'),
  });
  app = await startApp({
    AVATAR_ORIGINALS: `file:${folder.directory}`,
    AVATAR_SIZES: '48 96',
    AVATAR_MISSING: 'letter',
  });
  port = Number(new URL(await app.listen()).port);
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

/** The lines of requests with this id, as soon as there is one. */
async function linesOf(id: string): Promise<LogLine[]> {
  const lines = (): LogLine[] => app.lines.filter((line) => line['id'] === id);
  await expect.poll(() => lines().length).toBeGreaterThan(0);
  return lines();
}

describe('the bytes of a reply', () => {
  it.each([
    ['a picture', PATH],
    ['a hit', PATH],
    ['a hit by the long way', `${PATH}?x`],
    ['a stand-in', '/user_avatar/h/nobody/48/1.png'],
    ['a redirect', '/user_avatar/h/u/60/1.png'],
    ['a failure', '/user_avatar/h/broken/48/1.png'],
    ['no address', '/nothing'],
    ['a probe', '/healthz'],
    ['another method', PATH, 'DELETE'],
    ['a picture whose header alone is wanted', PATH, 'HEAD'],
    ['a failure whose header alone is wanted', '/nothing', 'HEAD'],
  ])('are those of the body: %s', async (what, path, method = 'GET') => {
    const id = what.replaceAll(' ', '-');
    const reply = await ask(port, path, { method, headers: { 'x-request-id': id } });
    expect(await linesOf(id)).toMatchObject([{ bytes: reply.body.byteLength }]);
  });

  it('are none where the copy of the client still holds', async () => {
    for (const [id, path] of Object.entries({ short: PATH, long: `${PATH}?x` })) {
      const headers = { 'if-none-match': '*', 'x-request-id': id };
      expect(await ask(port, path, { headers })).toMatchObject({ status: 304 });
      expect(await linesOf(id)).toMatchObject([{ status: 304, bytes: 0 }]);
    }
  });

  it('are counted by format, stand-ins as well', async () => {
    const sent = async (): Promise<number> =>
      await app.metric('avatar_response_bytes_total', { format: 'png' });
    for (const user of ['u', 'nobody']) {
      const path = `/user_avatar/h/${user}/96/1.png`;
      const before = await sent();
      const { body } = await ask(port, path);
      await expect.poll(sent).toBe(before + body.byteLength);
      await ask(port, path, { method: 'HEAD', headers: { 'x-request-id': `head-${user}` } });
      await linesOf(`head-${user}`);
      expect(await sent()).toBe(before + body.byteLength);
    }
  });
});
