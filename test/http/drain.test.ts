/** An instance about to leave, on real connections. */
import { Agent, type ClientRequest, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';

const OWL = '/user_avatar/demo/owl/48/2.png';

async function start(): Promise<{ app: TestApp; url: string; agent: Agent }> {
  const app = await startApp();
  const url = await app.listen();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(async () => {
    agent.destroy();
    await app.close();
  });
  return { app, url, agent };
}

async function ask(url: string, agent: Agent): Promise<{ status: number; connection: unknown }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request: ClientRequest = get(url, { agent }, resolve);
    request.once('error', reject);
  });
  await buffer(response);
  return { status: response.statusCode ?? 0, connection: response.headers.connection };
}

describe('an instance that drains', () => {
  it('serves on, and has clients give up their connections, hit or not', async () => {
    const { app, url, agent } = await start();
    const paths = [OWL, OWL.replace('/48/', '/49/'), '/healthz', '/nothing'];
    for (const path of [OWL, ...paths]) {
      expect((await ask(url + path, agent)).connection).toBe('keep-alive');
    }
    app.drain();
    for (const path of [...paths, OWL.replace('/48/', '/50/')]) {
      const { status, connection } = await ask(url + path, agent);
      expect(status).toBe(path === '/nothing' ? 404 : 200);
      expect(connection).toBe('close');
    }
  });

  it('takes new connections until it closes, and answers what it has begun', async () => {
    const { app, url, agent } = await start();
    app.drain();
    // Asked, with the last byte of the request still to come.
    const { port } = new URL(url);
    const late = connect({ host: '127.0.0.1', port: Number(port) });
    late.write(`GET ${OWL} HTTP/1.1\r\nHost: x\r\n`);
    expect((await ask(url + OWL, agent)).status).toBe(200);
    const answer = buffer(late);
    const closed = app.close();
    late.write('\r\n');
    expect((await answer).toString('latin1')).toMatch(/^HTTP\/1\.1 200 [^]*connection: close/i);
    await closed;
    await expect(ask(url + OWL, agent)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
