/** What Node's parser refuses: no route ever sees it, and it is answered and logged all the same. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { AccessLog } from '../../src/http/access-log.ts';
import { Connections } from '../../src/http/connections.ts';
import { refuse } from '../../src/http/parse-errors.ts';
import { LIMITS, openListener } from '../../src/http/server.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { type LogLine, startApp, type TestApp } from '../support/app.ts';

const OWL = '/user_avatar/demo/owl/48/2.png';
const CHUNKED = 'Transfer-Encoding: chunked';
const NASTY = '","level":60,"x":"\u001b[2J\u2028';

let app: TestApp;
let port: number;

beforeAll(async () => {
  app = await startApp();
  port = Number(new URL(await app.listen()).port);
});

afterAll(() => app.close());

async function send(to: number, request: string): Promise<string> {
  const socket = connect(to, '127.0.0.1');
  socket.write(Buffer.from(request, 'latin1'));
  return (await buffer(socket)).toString('latin1');
}

/** The one reply there is, taken apart. */
function read(reply: string) {
  expect(reply.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
  const [head = '', body = ''] = reply.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { statusLine, headers, body };
}

describe('a request that cannot be read', () => {
  it.each([
    ['no HTTP', `HELO ${NASTY}\r\n\r\n`, '400 Bad Request', 'request_malformed'],
    [
      'a version to come',
      `GET ${OWL} HTTP/9.9\r\nHost: h\r\n\r\n`,
      '400 Bad Request',
      'request_malformed',
    ],
    [
      'a header that is none',
      `GET ${OWL} HTTP/1.1\r\n${NASTY}: 1\r\n\r\n`,
      '400 Bad Request',
      'request_malformed',
    ],
    [
      'two lengths',
      `GET ${OWL} HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`,
      '400 Bad Request',
      'request_malformed',
    ],
    [
      'headers of 20 kB',
      `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      '431 Request Header Fields Too Large',
      'headers_too_large',
    ],
    [
      'an address of 20 kB',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
      '431 Request Header Fields Too Large',
      'headers_too_large',
    ],
  ])('gets a problem document for %s', async (_what, request, status, code) => {
    const { statusLine, headers, body } = read(await send(port, request));
    expect(statusLine).toBe(`HTTP/1.1 ${status}`);
    expect(headers).toMatchObject({
      'content-type': 'application/problem+json',
      'content-length': String(body.length),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      connection: 'close',
    });
    expect(Date.parse(headers['date'] ?? '')).toBeGreaterThan(0);
    const document: unknown = JSON.parse(body);
    expect(document).toMatchObject({
      title: status.slice(4),
      status: Number(status.slice(0, 3)),
      code,
    });
  });

  it('is logged and counted once, without a word of what was sent', async () => {
    const lines = (): LogLine[] =>
      app.lines.filter(({ outcome }) => outcome === 'request_malformed');
    const count = async (): Promise<number> =>
      await app.metric('avatar_requests_total', { outcome: 'request_malformed', status: '400' });
    const [linesBefore, countBefore] = [lines().length, await count()];
    // More than is read at once.
    const reply = await send(port, `HELO ${NASTY}\r\n\r\n`.repeat(10_000)).catch(() => undefined);
    if (reply !== undefined) read(reply);
    await expect.poll(() => lines().length).toBe(linesBefore + 1);
    const line = JSON.stringify(lines().at(-1));
    expect(lines().at(-1)).toMatchObject({ level: 30, status: 400, reason: expect.any(String) });
    expect(line.length).toBeLessThan(300);
    expect(line).not.toContain('HELO');
    expect(line).not.toContain('level":60');
    expect(await app.server.inject(OWL)).toMatchObject({ statusCode: 200 });
    expect(lines()).toHaveLength(linesBefore + 1);
    expect(await count()).toBe(countBefore + 1);
  });

  it('is refused behind one that is answered, whose answer stays whole', async () => {
    const first = `GET ${OWL} HTTP/1.1\r\nHost: h\r\n\r\n`;
    await send(port, first.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    const replies = await send(port, `${first}HELO\r\n\r\n`);
    const [picture = '', refusal = ''] = replies.split(/(?=HTTP\/1\.1 \d{3} )/);
    expect(picture).toMatch(/^HTTP\/1\.1 200 /);
    expect(picture.slice(picture.indexOf('\r\n\r\n') + 4)).toHaveLength(
      Number(/^content-length: (\d+)/im.exec(picture)?.[1]),
    );
    expect(refusal).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('is no matter of a connection that was reset', async () => {
    const before = app.lines.length;
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\nHos');
    socket.resetAndDestroy();
    const reply = await app.server.inject('/nothing');
    expect(reply.statusCode).toBe(404);
    expect(app.lines.length).toBe(before + 1);
  });
});

describe('a request with a body, which nobody reads', () => {
  const cold = OWL.replace('/48/', '/49/');

  it.each([
    ['that is coded, at an address in memory', 200, `GET ${OWL}`, 'Transfer-Encoding: gzip', 'xx'],
    ['that is damaged, while a picture is made', 200, `GET ${cold}`, CHUNKED, 'zz\r\n'],
    ['of extensions', 200, `GET ${OWL}?x`, CHUNKED, `1;${'x'.repeat(20_000)}\r\n`],
    [
      'of extensions that nobody may send',
      405,
      `POST ${OWL}`,
      CHUNKED,
      `1;${'x'.repeat(20_000)}\r\n`,
    ],
    [
      'and another request in it',
      404,
      'GET /nothing',
      'Content-Length: 3',
      'xxxGET / HTTP/1.1\r\n\r\n',
    ],
  ])('%s, has one answer, one line and one count', async (what, status, request, header, body) => {
    expect((await app.server.inject(OWL)).statusCode).toBe(200);
    await send(port, `GET ${OWL} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    const count = async (): Promise<number> => await app.metric('avatar_requests_total');
    const [linesBefore, countBefore] = [app.lines.length, await count()];
    const id = what.replaceAll(/\W+/g, '-');
    // Lines of hits are written a little later: some are of the tests before.
    const lines = (): LogLine[] =>
      app.lines
        .slice(linesBefore)
        .filter((line) => line['id'] === id || line['outcome'] !== 'memory');
    const head = `${request} HTTP/1.1\r\nHost: h\r\nX-Request-Id: ${id}\r\n${header}\r\n\r\n`;
    const reply = read(await send(port, head + body));
    expect(reply.statusLine).toMatch(`HTTP/1.1 ${status}`);
    expect(reply.headers).toMatchObject({ connection: 'close' });
    await expect.poll(lines).toMatchObject([{ id, status }]);
    // Nothing comes after it.
    expect((await app.server.inject('/nothing')).statusCode).toBe(404);
    expect(lines()).toHaveLength(2);
    expect(await count()).toBe(countBefore + 2);
  });

  it.each(['GET', 'POST'])('is not invited to send it: %s', async (method) => {
    const head = `${method} ${OWL} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`;
    const { statusLine, headers } = read(await send(port, head));
    expect(statusLine).toBe(
      method === 'GET' ? 'HTTP/1.1 200 OK' : 'HTTP/1.1 405 Method Not Allowed',
    );
    expect(headers).toMatchObject({ connection: 'close' });
  });
});

describe('a request for a tunnel', () => {
  it('is answered as other methods are, logged and counted, and the connection closed', async () => {
    const count = async (): Promise<number> =>
      await app.metric('avatar_requests_total', { outcome: 'method_not_allowed', status: '405' });
    const lines = (): LogLine[] => app.lines.filter(({ reason }) => reason === 'CONNECT');
    const before = await count();
    const request = 'CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\n\r\n';
    const { statusLine, headers, body } = read(await send(port, `${request}to the database`));
    expect(statusLine).toBe('HTTP/1.1 405 Method Not Allowed');
    expect(headers).toMatchObject({
      'content-type': 'application/problem+json',
      allow: 'GET, HEAD, OPTIONS',
      connection: 'close',
    });
    expect(JSON.parse(body)).toMatchObject({ status: 405, code: 'method_not_allowed' });
    expect(lines()).toMatchObject([{ level: 30, outcome: 'method_not_allowed', status: 405 }]);
    expect(await count()).toBe(before + 1);
  });

  it('is no matter of a connection that was reset', async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n');
    socket.resetAndDestroy();
    expect((await app.server.inject('/nothing')).statusCode).toBe(404);
  });
});

describe('what cannot be answered, behind a request whose picture is still being made,', () => {
  const TUNNEL = 'CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n';
  const BODY = 'Content-Length: 3\r\n\r\nxxx';

  it.each([
    ['a tunnel', 51, '\r\n', TUNNEL],
    ['no HTTP', 52, '\r\n', 'HELO\r\n\r\n'],
    ['no HTTP, and more of it', 53, '\r\n', 'HELO\r\n\r\n'.repeat(20_000)],
    ['a tunnel behind a body', 54, BODY, TUNNEL],
    ['no HTTP behind a body', 55, BODY, 'HELO\r\n\r\n'],
  ])('ends the connection after that picture: %s', async (_what, size, end, behind) => {
    const cold = OWL.replace('/48/', `/${size}/`);
    const reply = await send(port, `GET ${cold} HTTP/1.1\r\nHost: h\r\n${end}${behind}`);
    const { statusLine, headers } = read(reply);
    expect(statusLine).toBe('HTTP/1.1 200 OK');
    expect(headers).toMatchObject({ 'content-type': 'image/png', connection: 'close' });
    expect(reply).toHaveLength(reply.indexOf('\r\n\r\n') + 4 + Number(headers['content-length']));
  });

  it.each([
    ['a tunnel', 56, TUNNEL],
    ['no HTTP', 57, 'HELO\r\n\r\n'],
  ])('ends it after all that was asked before: %s', async (_what, size, behind) => {
    const [cold, warm] = [OWL.replace('/48/', `/${size}/`), OWL];
    await send(port, `GET ${warm} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    const heads = [cold, '/nothing', warm].map((path) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
    const replies = await send(port, `${heads.join('')}${behind}`);
    expect(replies.match(/HTTP\/1\.1 \d+/g)).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 404',
      'HTTP/1.1 200',
    ]);
    const last = replies.slice(replies.lastIndexOf('HTTP/1.1 200'));
    const body = last.slice(last.indexOf('\r\n\r\n') + 4);
    expect(body).toHaveLength(Number(/^content-length: (\d+)/im.exec(last)?.[1]));
  });
});

describe('a request without a Host that can be one', () => {
  const lines = (): LogLine[] =>
    app.lines.filter(({ reason }) => typeof reason === 'string' && reason.endsWith('Host'));

  it.each(['h', 'H-1.example_x:8080', '[2001:db8::1]:80', '', 'h%C3%A4.example'])(
    'is none with %j',
    async (host) => {
      const request = `GET ${OWL} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      expect(read(await send(port, request)).statusLine).toBe('HTTP/1.1 200 OK');
    },
  );

  it.each([
    ['two that differ', '1.1', 'Host: h\r\nHost: other\r\n'],
    ['twice the same', '1.0', 'host: h\r\nHOST: h\r\n'],
    ['a path', '1.1', 'Host: a b/../%00\r\n'],
    ['a user', '1.1', 'Host: user@h\r\n'],
    ['a list', '1.0', 'Host: h, other\r\n'],
  ])('is refused: %s', async (_what, version, host) => {
    expect((await app.server.inject(OWL)).statusCode).toBe(200);
    const before = lines().length;
    const reply = await send(port, `GET ${OWL} HTTP/${version}\r\n${host}\r\n`);
    const { statusLine, body } = read(reply);
    expect(statusLine).toBe('HTTP/1.1 400 Bad Request');
    expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'request_malformed' });
    await expect.poll(() => lines().length).toBe(before + 1);
    expect(JSON.stringify(lines().at(-1))).not.toContain('other');
  });

  it.each([
    ['an avatar', OWL],
    ['nothing', '/nothing'],
    ['an address that cannot be read', '/user_avatar/h/%zz/48/1.png'],
  ])('gets a problem document for %s, one line and one count', async (_what, target) => {
    // The avatar is in memory by now.
    expect((await app.server.inject(OWL)).statusCode).toBe(200);
    await send(port, `GET ${OWL} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    const count = async (): Promise<number> =>
      await app.metric('avatar_requests_total', { outcome: 'request_malformed', status: '400' });
    const [linesBefore, countBefore] = [lines().length, await count()];
    const reply = await send(port, `GET ${target} HTTP/1.1\r\nUser-Agent: x\r\n\r\n`);
    const { statusLine, headers, body } = read(reply);
    expect(statusLine).toBe('HTTP/1.1 400 Bad Request');
    expect(headers).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      connection: 'close',
    });
    expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'request_malformed' });
    await expect.poll(() => lines().length).toBe(linesBefore + 1);
    expect(lines().at(-1)).toMatchObject({ level: 30, status: 400, outcome: 'request_malformed' });
    expect(await count()).toBe(countBefore + 1);
  });

  it('is answered in HTTP/1.0, which did not have it', async () => {
    const { statusLine } = read(await send(port, `GET ${OWL} HTTP/1.0\r\n\r\n`));
    expect(statusLine).toBe('HTTP/1.1 200 OK');
  });
});

describe('a request that expects something', () => {
  it.each(['cakes', '100-continue'])('is answered as any other: %s', async (expectation) => {
    const lines = (): LogLine[] => app.lines.filter(({ id }) => id === `wants-${expectation}`);
    const reply = await send(
      port,
      `GET ${OWL} HTTP/1.1\r\nHost: h\r\nX-Request-Id: wants-${expectation}\r\nExpect: ${expectation}\r\nConnection: close\r\n\r\n`,
    );
    expect(reply).toContain('HTTP/1.1 200 OK\r\n');
    await expect.poll(lines).toMatchObject([{ status: 200 }]);
  });
});

describe('a request that takes too long to arrive', () => {
  /** A listener in a hurry. */
  async function listenHastily() {
    const lines: string[] = [];
    const logger = pino({ base: null }, { write: (line) => void lines.push(line) });
    const { requests, registry } = new Metrics();
    const log = new AccessLog(logger, requests, { add: (line) => void lines.push(line) });
    const hasty = {
      ...LIMITS,
      headersTimeout: 100,
      requestTimeout: 100,
      connectionsCheckingInterval: 20,
    };
    const connections = new Connections();
    const server = openListener((_request, response) => response.end(), hasty, connections);
    server.on('clientError', (error, socket) => refuse(error, socket, connections, log));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');

    return { port: address.port, lines, registry };
  }

  it('is refused, logged and counted', async () => {
    const { port: to, lines, registry } = await listenHastily();
    const { statusLine, body } = read(await send(to, 'GET / HTTP/1.1\r\nHost: h\r\nX: '));
    expect(statusLine).toBe('HTTP/1.1 408 Request Timeout');
    expect(JSON.parse(body)).toMatchObject({ status: 408, code: 'request_timeout' });
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { level: 30, outcome: 'request_timeout', status: 408, bytes: body.length },
    ]);
    expect(await registry.metrics()).toContain(
      'avatar_requests_total{outcome="request_timeout",picture="none",status="408"} 1',
    );
  });

  it('is none on a connection that was opened in advance and never used', async () => {
    const { port: to, lines, registry } = await listenHastily();
    expect(await send(to, '')).toBe('');
    expect(lines).toEqual([]);
    expect(await registry.metrics()).toContain(
      'avatar_requests_total{outcome="request_timeout",picture="none",status="408"} 0',
    );
  });
});
