/** Request targets in the forms of RFC 9112, section 3.2, byte for byte over a real connection. */
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, startApp, type TestApp } from '../support/app.ts';
import { card, lookAt } from '../support/cards.ts';

const PATH = '/user_avatar/h/u/48/1.png';

let folder: Awaited<ReturnType<typeof createFolder>>;
let app: TestApp;
let port: number;

beforeAll(async () => {
  folder = await createFolder({ 'h/u/1': await card(90, 90).png().toBuffer() });
  app = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}`, AVATAR_SIZES: '48' });
  port = Number(new URL(await app.listen()).port);
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

async function ask(target: string, method = 'GET') {
  const socket = connect(port, '127.0.0.1');
  socket.write(`${method} ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
  const bytes = await buffer(socket);
  const end = bytes.indexOf('\r\n\r\n');
  const head = bytes.subarray(0, end).toString('latin1');
  return { status: Number(head.split(' ')[1]), head, body: bytes.subarray(end + 4) };
}

describe('a target in absolute form', () => {
  it.each([
    `http://h${PATH}`,
    `HTTP://H.example:8080${PATH}`,
    `https://h${PATH}`,
    `http://user@[::1]:80${PATH}`,
    `http://h${PATH}?v=http://other/`,
  ])('is answered as its path is: %s', async (target) => {
    // First as it may be a miss, then as a hit.
    for (let n = 0; n < 2; n += 1) {
      const reply = await ask(target);
      expect(reply.status).toBe(200);
      expect(await lookAt(reply.body)).toMatchObject({ width: 48, height: 48 });
    }
    expect(app.lines.filter(({ path }) => String(path).includes('://'))).toEqual([]);
  });

  it('shares the short way of hits with the path', async () => {
    await ask(PATH);
    expect((await ask(`http://h${PATH}`)).head).toContain('cache-status: avatar-proxy; hit');
  });

  it('is redirected to the path', async () => {
    const { status, head } = await ask(`http://other${PATH.replace('/48/', '/50/')}`);
    expect(status).toBe(302);
    expect(head).toMatch(new RegExp(`^location: ${PATH}\r$`, 'm'));
  });

  it.each([
    ['http://h', 404, 'not_found'],
    ['http://h?x', 404, 'not_found'],
    ['http://h/nothing', 404, 'not_found'],
    ['http://h/user_avatar/h/%zz/48/1.png', 404, 'path_invalid'],
    [`http://h/http://h${PATH}`, 404, 'not_found'],
  ])('is no more than its path: %s', async (target, status, code) => {
    const reply = await ask(target);
    expect(reply.status).toBe(status);
    expect(JSON.parse(reply.body.toString())).toMatchObject({ code });
  });

  it('is answered as its path is to other methods', async () => {
    expect((await ask(`http://h${PATH}`, 'HEAD')).status).toBe(200);
    expect((await ask(`http://h${PATH}`, 'DELETE')).status).toBe(405);
    expect((await ask('*', 'OPTIONS')).status).toBe(204);
  });
});
