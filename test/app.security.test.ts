/** What replies and the log give away, or let anybody write, over real sockets. */
import { rename } from 'node:fs/promises';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageDescription from '../package.json' with { type: 'json' };
import { createFolder, startApp, type TestApp } from './support/app.ts';
import { card } from './support/cards.ts';

let folder: Awaited<ReturnType<typeof createFolder>>;
let app: TestApp;
let port: number;

beforeAll(async () => {
  folder = await createFolder({
    'originals/h/good/1': await card(64, 64).png().toBuffer(),
    'originals/h/html/1': Buffer.from('<!doctype html>'),
    'originals/h/vector/1': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    'originals/h/half/1': (await card(64, 64).jpeg().toBuffer()).subarray(0, -60),
    'originals/h/heavy/1': Buffer.alloc(2 * 1024 * 1024),
  });
  app = await startApp({
    AVATAR_ORIGINALS: `file:${folder.directory}/originals`,
    AVATAR_MAX_ORIGINAL_MB: '1',
    AVATAR_HOSTS: 'h gone',
    AVATAR_SIZES: '48 96',
    AVATAR_UNLISTED_SIZE: 'reject',
  });
  port = Number(new URL(await app.listen()).port);
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

/** Headers and body, byte for byte. */
async function send(request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(Buffer.from(request, 'latin1'));
  return await text(socket);
}

async function get(path: string, headers = '', method = 'GET'): Promise<string> {
  return await send(`${method} ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n${headers}\r\n`);
}

/** What nobody outside may learn: where things are, and what of which version there is to attack. */
function requireDiscretion(reply: string): void {
  const { dependencies } = packageDescription;
  const names = ['node', 'fastify', 'libvips', 'undici', 'aws-sdk', ...Object.keys(dependencies)];
  const lower = reply.toLowerCase();
  for (const secret of [...names, '/tmp', 'originals/', '/src/', '.ts:', 'enoent', 'bucket=']) {
    expect(lower).not.toContain(secret.toLowerCase());
  }
  expect(reply).not.toContain(folder.directory);
  expect(reply).not.toContain(packageDescription.version);
  expect(reply).not.toMatch(/^(?:server|x-powered-by|via|set-cookie):/im);
  expect(reply).not.toMatch(/^ +at /m);
}

type Case = readonly [what: string, status: number, ask: () => Promise<string>];

const CASES: readonly Case[] = [
  ['an avatar', 200, () => get('/user_avatar/h/good/48/1.png')],
  ['no address', 404, () => get('/')],
  ['a malformed address', 404, () => get('/user_avatar/h/../48/1.png')],
  ['another host', 404, () => get('/user_avatar/other/good/48/1.png')],
  ['another size', 404, () => get('/user_avatar/h/good/49/1.png')],
  ['nobody', 404, () => get('/user_avatar/h/nobody/48/1.png')],
  ['a page', 422, () => get('/user_avatar/h/html/48/1.png')],
  ['a vector', 422, () => get('/user_avatar/h/vector/48/1.png')],
  ['half a picture', 422, () => get('/user_avatar/h/half/48/1.png')],
  ['too many bytes', 422, () => get('/user_avatar/h/heavy/48/1.png')],
  ['another method', 405, () => get('/user_avatar/h/good/48/1.png', '', 'DELETE')],
  ['what may be done', 204, () => get('/user_avatar/h/good/48/1.png', '', 'OPTIONS')],
  ['no HTTP', 400, () => send('HELO\r\n\r\n')],
  ['too many headers', 431, () => get('/', `X: ${'x'.repeat(20_000)}\r\n`)],
  ['liveness', 200, () => get('/healthz')],
  ['readiness', 200, () => get('/readyz')],
];

describe('a reply', () => {
  it.each(CASES)('to %s (%i) tells nothing of what is behind it', async (_what, status, ask) => {
    const reply = await ask();
    expect(reply).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    requireDiscretion(reply);
  });

  it('tells nothing when the store is gone', async () => {
    await rename(`${folder.directory}/originals`, `${folder.directory}/elsewhere`);
    const replies = [
      await get('/user_avatar/h/good/96/1.png'),
      await get('/user_avatar/gone/somebody/48/1.png'),
      await get('/readyz'),
    ];
    await rename(`${folder.directory}/elsewhere`, `${folder.directory}/originals`);
    expect(replies.join('\n')).toMatch(/^HTTP\/1\.1 50[23] /m);
    for (const reply of replies) requireDiscretion(reply);
    // It is in the log, with what to do about it.
    expect(JSON.stringify(app.lines)).toContain(`there is no folder ${folder.directory}`);
  });

  it('that is a failure can be taken for nothing else', async () => {
    for (const path of ['/', '/user_avatar/h/html/48/1.png', '/user_avatar/h/nobody/48/1.png']) {
      const reply = await get(path);
      expect(reply).toMatch(/^content-type: application\/problem\+json\r$/im);
      expect(reply).toMatch(/^x-content-type-options: nosniff\r$/im);
      const body = reply.slice(reply.indexOf('\r\n\r\n') + 4);
      expect(Object.keys(JSON.parse(body))).toEqual(['title', 'status', 'detail', 'code']);
    }
  });

  it('never repeats what the request said', async () => {
    const mark = 'MARK-b5e1';
    const said = `X-Request-Id: ${mark}\r\nUser-Agent: ${mark}\r\nOrigin: http://${mark}\r\nX-Forwarded-Host: ${mark}\r\nCookie: a=${mark}\r\n`;
    const paths = [
      `/${mark}`,
      `/user_avatar/h/${mark}/48/1.png`,
      `/user_avatar/${mark}/u/48/1.png`,
    ];
    for (const path of [...paths, '/user_avatar/h/good/48/1.png']) {
      expect(await get(path, said)).not.toContain(mark);
    }
  });
});

describe('the log', () => {
  const piece = fc.constantFrom(
    '%0a',
    '%0d%0a',
    '%e2%80%a8',
    '%1b[2J',
    '\u001b',
    '\t',
    '"',
    '\\',
    '","level":60,"x":"',
    '\u0085',
    'é',
    '%00',
    'u',
    '{',
    '}',
    '?x=%0a',
  );
  const value = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(''));

  it('has one whole line for each request, and nobody forges another or a part of one', async () => {
    const wishes = fc.sample(fc.tuple(value, value, value), { numRuns: 300, seed: 7 });
    let answered = 0;
    for (const [user, id, agent] of wishes) {
      const reply = await get(
        `/user_avatar/h/forger${user}/48/1.png`,
        `X-Request-Id: ${id}\r\nUser-Agent: ${agent}\r\nReferer: ${agent}\r\n`,
      );
      // What Node's parser refuses is no request.
      if (!reply.startsWith('HTTP/1.1 400 ')) answered += 1;
    }
    expect(answered).toBeGreaterThan(50);
    const lines = (): typeof app.lines =>
      app.lines.filter(({ path }) => String(path).startsWith('/user_avatar/h/forger'));
    await expect.poll(() => lines().length).toBe(answered);
    for (const line of lines()) {
      expect(line['level']).toBe(30);
      expect(line).not.toHaveProperty('x');
      // oxlint-disable-next-line no-control-regex
      expect(JSON.stringify(line)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      expect(String(line['id'])).toMatch(/^[\w.:=+/-]+$/);
    }
  });

  it('says nothing of credentials in the addresses of stores', async () => {
    const lines = JSON.stringify(app.lines);
    expect(lines).not.toMatch(/secret|password|AWS_SECRET/i);
  });
});

describe('the operators’ listener', () => {
  it('is another one: nothing of it is at the public one, and no avatar at it', async () => {
    for (const path of [
      '/metrics',
      '/metrics/',
      '//metrics',
      '/admin/metrics',
      '/user_avatar/../metrics',
    ]) {
      const reply = await get(path);
      expect(reply).toMatch(/^HTTP\/1\.1 404 /);
      expect(reply).not.toContain('avatar_requests_total');
    }
    expect((await app.admin.inject('/metrics')).statusCode).toBe(200);
    expect((await app.admin.inject('/user_avatar/h/good/48/1.png')).statusCode).toBe(404);
  });
});
