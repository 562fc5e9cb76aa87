/** What operators are answered where nothing else answers them. */
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';

let app: TestApp;
let port: number;

beforeAll(async () => {
  app = await startApp();
  port = Number(new URL(await app.admin.listen({ host: '127.0.0.1', port: 0 })).port);
});

afterAll(() => app.close());

const POLICY = {
  'cache-control': 'no-store',
  'content-security-policy': expect.stringMatching(/^default-src 'none'/),
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
};

async function ask(target: string, method = 'GET') {
  const socket = connect(port, '127.0.0.1');
  socket.write(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  const [head = '', body = ''] = (await buffer(socket)).toString().split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  return { status: Number(statusLine.split(' ')[1]), headers, body };
}

describe('the operators’ listener', () => {
  it.each([
    ['what there is not', 404, 'not_found', '/<script>alert(1)</script>', 'GET'],
    ['a malformed escape', 404, 'path_invalid', '/%zz', 'GET'],
    ['another method', 405, 'method_not_allowed', '/metrics', 'POST'],
    ['what may be asked', 405, 'method_not_allowed', '/metrics', 'OPTIONS'],
    ['another method at a malformed address', 405, 'method_not_allowed', '/%zz', 'DELETE'],
    ['a method nobody knows here', 405, 'method_not_allowed', '/', 'PROPFIND'],
  ])(
    'has a problem document and its headers for %s',
    async (_what, status, code, target, method) => {
      const reply = await ask(target, method);
      expect(reply.status).toBe(status);
      expect(reply.headers).toMatchObject({
        ...POLICY,
        'content-type': 'application/problem+json',
      });
      expect(reply.headers['allow']).toBe(status === 405 ? 'GET, HEAD' : undefined);
      expect(JSON.parse(reply.body)).toMatchObject({ status, code, title: expect.any(String) });
      expect(reply.body).not.toContain('script');
    },
  );

  it('answers HEAD, as monitors send it', async () => {
    expect(await ask('/metrics', 'HEAD')).toMatchObject({ status: 200, body: '' });
  });

  it('logs what is its own fault, and tells nobody more', async () => {
    const broken = await startApp();
    broken.admin.get('/broken', () => {
      throw new TypeError('nobody thought of that');
    });
    const reply = await broken.admin.inject('/broken?x=1');
    await broken.close();
    expect(reply.statusCode).toBe(500);
    expect(reply.headers).toMatchObject({ ...POLICY, 'content-type': 'application/problem+json' });
    expect(reply.json()).toMatchObject({ status: 500, code: 'internal' });
    expect(reply.body).not.toContain('thought');
    const lines = broken.lines.filter(({ level }) => level === 50);
    expect(lines).toMatchObject([
      {
        path: '/broken',
        err: { message: 'nobody thought of that', stack: expect.stringContaining('admin.test.ts') },
      },
    ]);
  });
});
