import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';

const PATIENCE = { timeout: 10_000 };

it('closing waits for the answers under way, and not for the connections they leave behind', async () => {
  // After it, all connections are closed, whatever they are.
  const app = await startApp({ AVATAR_DEADLINE_MS: '60000' });
  const base = await app.listen();
  await expect.poll(() => app.renderer.up, PATIENCE).toBe(1);
  const [renderer = 0] = app.renderer.pids;
  process.kill(renderer, 'SIGSTOP');
  const agent = new Agent({ keepAlive: true });
  const status = new Promise((resolve, reject) => {
    get(`${base}/user_avatar/demo/owl/90/2.png`, { agent }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode));
    }).once('error', reject);
  });
  await expect.poll(() => app.renderer.running, PATIENCE).toBe(1);

  const { hostname, port } = new URL(base);
  const unused = connect(Number(port), hostname);
  await new Promise((resolve) => unused.once('connect', resolve));

  // Connections are kept for more than a minute: this test would run out of time.
  const closed = app.close();
  process.kill(renderer, 'SIGCONT');
  expect(await status).toBe(200);
  await closed;
  agent.destroy();
  unused.destroy();
});

it.each([
  ['says nothing', ''],
  ['stops in its headers', 'GET /metrics HTTP/1.1\r\nHost: h\r\n'],
])('closing does not wait for an operator who %s', async (_what, request) => {
  const app = await startApp();
  const address = await app.admin.listen({ host: '127.0.0.1', port: 0 });
  const { hostname, port } = new URL(address);
  const silent = connect(Number(port), hostname);
  silent.on('error', () => undefined);
  silent.write(request);
  await once(silent, 'connect');
  await fetch(`${address}/metrics`);
  // The operator would be waited for for as long as he likes: this test would run out of time.
  await app.close();
  expect(app.admin.server.listening).toBe(false);
  silent.destroy();
});

it.each([
  ['half a header', 'GET /user_av'],
  ['a header without its end', 'GET /user_avatar/demo/owl/48/2.png HTTP/1.1\r\nHost: h\r\n'],
  ['an empty line', '\r\n'],
])('closing does not wait for a client that has sent %s', async (_what, sent) => {
  // After it, all connections are closed, whatever they are: this test would run out of time.
  const app = await startApp({ AVATAR_DEADLINE_MS: '60000' });
  const { hostname, port } = new URL(await app.listen());
  const client = connect(Number(port), hostname);
  client.on('error', () => undefined);
  client.write(sent);
  await once(client, 'connect');
  await expect.poll(() => client.bytesWritten, PATIENCE).toBe(sent.length);
  await fetch(`http://${hostname}:${port}/healthz`);
  await app.close();
  expect(app.server.server.listening).toBe(false);
  client.destroy();
});

it.each(['', 'Expect: 100-continue\r\n', 'Expect: a miracle\r\n'])(
  'closing cuts no render that takes longer than a request may take to arrive, with "%s"',
  async (header) => {
    const app = await startApp({ AVATAR_DEADLINE_MS: '60000' });
    const { hostname, port } = new URL(await app.listen());
    await expect.poll(() => app.renderer.up, PATIENCE).toBe(1);
    const [renderer = 0] = app.renderer.pids;
    process.kill(renderer, 'SIGSTOP');
    const client = connect(Number(port), hostname);
    client.write(`GET /user_avatar/demo/owl/90/2.png HTTP/1.1\r\nHost: h\r\n${header}\r\n`);
    const received = buffer(client);
    await expect.poll(() => app.renderer.running, PATIENCE).toBe(1);
    const closed = app.close();
    await sleep(1500);
    process.kill(renderer, 'SIGCONT');
    expect((await received).toString('latin1')).toMatch(/^HTTP\/1\.1 200 /);
    await closed;
  },
);

describe('closing, while a client is slow to take its answers,', () => {
  const PATH = '/user_avatar/demo/owl/360/2.png';

  /** More answers than the kernel holds for one connection, and nobody reads. */
  async function startSlowClient(app: TestApp): Promise<Socket> {
    const base = await app.listen();
    await expect.poll(() => app.renderer.up, PATIENCE).toBe(1);
    expect((await fetch(base + PATH)).status).toBe(200);
    const { hostname, port } = new URL(base);
    const client = connect(Number(port), hostname);
    client.pause();
    client.write(`GET ${PATH} HTTP/1.1\r\nHost: h\r\n\r\n`.repeat(1000));
    const answered = (): Promise<number> =>
      app.metric('avatar_requests_total', { outcome: 'memory' });
    await expect.poll(answered, PATIENCE).toBeGreaterThan(50);
    return client;
  }

  it('cuts none of them off', async () => {
    const app = await startApp();
    const client = await startSlowClient(app);
    const closed = app.close();
    await sleep(300);
    const received = await buffer(client);
    await closed;
    expect(brokenOff(received)).toBe(0);
  });

  it('waits no longer than a deadline for it', async () => {
    const app = await startApp({ AVATAR_DEADLINE_MS: '1000' });
    const client = await startSlowClient(app);
    client.on('error', () => undefined);
    // The client would be waited for for more than a minute: this test would run out of time.
    await app.close();
    expect(app.server.server.listening).toBe(false);
    client.destroy();
  });
});

/** @returns how many bytes there are of an answer that is not whole */
function brokenOff(received: Buffer): number {
  let at = 0;
  for (;;) {
    const body = received.indexOf('\r\n\r\n', at) + 4;
    if (body < 4) return received.length - at;
    const [, length] = /content-length: (\d+)/i.exec(received.toString('latin1', at, body)) ?? [];
    const end = body + Number(length);
    if (end > received.length) return received.length - at;
    at = end;
  }
}
