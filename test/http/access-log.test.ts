/** Every request has one line and one count, however it ended: over real connections. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
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

async function open(to: number, request: string): Promise<Socket> {
  const socket = connect(to, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(request);
  return socket;
}

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

describe('an avatar that is missing', () => {
  it('is logged with the keys it was looked for under, whatever was shown', async () => {
    for (const [missing, outcome] of Object.entries({
      '404': 'avatar_missing',
      blank: 'stand_in',
    })) {
      const other = await startApp({
        AVATAR_ORIGINALS: `file:${folder.directory}`,
        AVATAR_LOCATOR: 'template:{host}/{user}/{id}|old/{user}.png',
        AVATAR_MISSING: missing,
      });
      onTestFinished(() => other.close());
      await other.server.inject('/user_avatar/h/nobody/48/1.png');
      const reason = 'no store has h/nobody/1 or old/nobody.png';
      const lines = other.lines.filter((line) => line['outcome'] === outcome);
      expect(lines).toMatchObject([{ level: 30, reason }]);
      expect(lines[0]?.['code']).toBe(outcome === 'stand_in' ? 'avatar_missing' : undefined);
    }
  });
});

describe('a request that no picture is looked for', () => {
  it.each([
    ['nothing there', '/wp-login.php', 'GET', 'not_found'],
    ['no address', '/user_avatar/h/u/48/1.exe', 'GET', 'path_invalid'],
    ['a size that is none', '/user_avatar/h/u/9999/1.png', 'GET', 'path_invalid'],
    ['another method', PATH, 'POST', 'method_not_allowed'],
    ['what may be asked', PATH, 'OPTIONS', 'other'],
  ])(
    'is counted by its outcome, and not among the misses: %s',
    async (_what, path, method, outcome) => {
      const misses = async (): Promise<number> =>
        await app.metric('avatar_miss_duration_seconds_count');
      const count = async (): Promise<number> =>
        await app.metric('avatar_requests_total', { outcome });
      const [missesBefore, countBefore] = [await misses(), await count()];
      await ask(port, path, { method, headers: { 'x-request-id': `no-miss-${outcome}` } });
      expect(await linesOf(`no-miss-${outcome}`)).toContainEqual(
        expect.objectContaining({ outcome }),
      );
      expect(await count()).toBe(countBefore + 1);
      expect(await misses()).toBe(missesBefore);
    },
  );

  it('is one at a host or in a size that is not served', async () => {
    const strict = await startApp({
      AVATAR_ORIGINALS: `file:${folder.directory}`,
      AVATAR_HOSTS: 'h',
      AVATAR_SIZES: '48',
      AVATAR_UNLISTED_SIZE: 'reject',
    });
    onTestFinished(() => strict.close());
    await strict.server.inject(PATH.replace('/h/', '/elsewhere.example/'));
    await strict.server.inject(PATH.replace('/48/', '/50/'));
    const outcomes = strict.lines.filter(({ path }) => path !== undefined);
    expect(outcomes).toMatchObject([
      { outcome: 'host_not_served' },
      { outcome: 'size_not_served' },
    ]);
    expect(await strict.metric('avatar_miss_duration_seconds_count')).toBe(0);
    await strict.server.inject(PATH.replace('/u/', '/nobody/'));
    expect(await strict.metric('avatar_miss_duration_seconds_count')).toBe(1);
  });
});

describe('the stages of a stand-in', () => {
  it('are those of the search for the avatar, and then of the drawing', async () => {
    const stages = async (path: string): Promise<string[]> => {
      await app.server.inject({ url: path, headers: { 'x-request-id': path } });
      const [line] = await linesOf(path);
      expect(line).toMatchObject({ outcome: 'stand_in' });
      return Object.keys(Object(line?.['stages']));
    };
    const search = ['locate', 'read'];
    expect(await stages('/user_avatar/h/zoe/48/1.png')).toEqual([...search, 'wait', 'render']);
    // Its letter is in memory by now.
    expect(await stages('/user_avatar/h/zoe/48/2.png')).toEqual(search);
  });
});

describe('a malformed escape', () => {
  it.each(['/user_avatar/h/%zz/48/1.png', '/%ff/', '/user_avatar/h/u/48/%.png?x=%zz'])(
    'is logged and counted as any address that is none: %s',
    async (path) => {
      const id = `escape-${path.length}`;
      const count = async (): Promise<number> =>
        await app.metric('avatar_requests_total', { outcome: 'path_invalid', status: '404' });
      const before = await count();
      const reply = await ask(port, path, { headers: { 'x-request-id': id } });
      expect(reply.status).toBe(404);
      const [line, ...others] = await linesOf(id);
      expect(others).toEqual([]);
      const [plain] = path.split('?');
      expect(line).toMatchObject({ path: plain, method: 'GET', status: 404, level: 30 });
      expect(line).toMatchObject({ outcome: 'path_invalid', bytes: reply.body.byteLength });
      expect(line?.['ms']).toBeGreaterThanOrEqual(0);
      expect(await count()).toBe(before + 1);
    },
  );

  it.each([
    ['POST', 405],
    ['OPTIONS', 204],
  ])('does not make an address of %s another answer than elsewhere', async (method, status) => {
    const headers = { 'x-request-id': `escape-${method}` };
    const reply = await ask(port, '/user_avatar/h/%zz/48/1.png', { method, headers });
    const usual = await ask(port, PATH, { method });
    expect(reply.status).toBe(status);
    expect({ ...reply.headers, date: '' }).toEqual({ ...usual.headers, date: '' });
    expect(reply.body).toEqual(usual.body);
    expect(await linesOf(`escape-${method}`)).toMatchObject([{ method, status }]);
  });
});

describe('a client that leaves before its answer', () => {
  /** With originals that never arrive. */
  async function startWaiting(): Promise<{ waiting: TestApp; to: number; reads: () => number }> {
    const sockets = new Set<Socket>();
    const store = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
    store.listen(0, '127.0.0.1');
    await once(store, 'listening');
    const address = store.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'x');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'x');
    const endpoint = `http://127.0.0.1:${address.port}`;
    const waiting = await startApp({
      AVATAR_ORIGINALS: `s3://bucket?endpoint=${endpoint}&region=x`,
    });
    onTestFinished(async () => {
      vi.unstubAllEnvs();
      for (const socket of sockets) socket.destroy();
      store.close();
      await waiting.close();
    });
    const to = Number(new URL(await waiting.listen()).port);
    return { waiting, to, reads: () => sockets.size };
  }

  it('is logged and counted once, and as nobody’s failure', async () => {
    const { waiting, to, reads } = await startWaiting();
    const client = await open(to, `GET ${PATH}?x HTTP/1.1\r\nHost: h\r\n\r\n`);
    await expect.poll(reads).toBe(1);
    client.destroy();
    const lines = (): LogLine[] => waiting.lines.filter((line) => line['path'] === PATH);
    await expect.poll(() => lines().length).toBe(1);
    expect(lines()[0]).toMatchObject({ outcome: 'client_left', level: 30, status: 499, bytes: 0 });
    // The work is over as well, and has nothing to add.
    await expect.poll(() => waiting.metric('avatar_reads_running')).toBe(0);
    expect((await waiting.server.inject('/nothing')).statusCode).toBe(404);
    expect(lines()).toHaveLength(1);
    const requests = 'avatar_requests_total';
    expect(await waiting.metric(requests, { outcome: 'client_left', status: '499' })).toBe(1);
    expect(await waiting.metric(requests)).toBe(2);
    expect(await waiting.metric('avatar_miss_duration_seconds_count', { outcome: 'failed' })).toBe(
      0,
    );
  });

  it('is so for each of its requests, those that had to wait behind another too', async () => {
    const { waiting, to, reads } = await startWaiting();
    const request = (size: number): string =>
      `GET ${PATH.replace('/48/', `/${size}/`)} HTTP/1.1\r\nHost: h\r\n\r\n`;
    const client = await open(to, [48, 49, 50].map(request).join(''));
    await expect.poll(reads).toBeGreaterThan(0);
    client.destroy();
    const left = (): LogLine[] => waiting.lines.filter(({ outcome }) => outcome === 'client_left');
    await expect.poll(() => left().length).toBe(3);
    await expect.poll(() => waiting.metric('avatar_reads_running')).toBe(0);
    expect(left()).toHaveLength(3);
  });

  it('is not taken for one that has had it, and closes the connection', async () => {
    const headers = 'Host: h\r\nX-Request-Id: had-it\r\n';
    const client = await open(port, `GET ${PATH}?y HTTP/1.1\r\n${headers}\r\n`);
    await once(client, 'data');
    client.destroy();
    expect(await linesOf('had-it')).toMatchObject([{ status: 200 }]);
  });
});
