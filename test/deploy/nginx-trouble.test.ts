/** Of an nginx that is not installed, `nginx.test.ts` tells. */
import { Agent, type ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  ask,
  cacheStatus,
  nginxIsInstalled,
  type RawReply,
  startNginx,
  uncommentDiscourse,
} from '../support/nginx.ts';
import { type Handler, type Recorder, startRecorder } from '../support/recorder.ts';

const PATH = '/user_avatar/forum.example/%C5%81u/48/1.png';
const FRESH = { 'cache-control': 'public, max-age=60', etag: '"1"' };
const BRIEF = { 'cache-control': 'public, max-age=1', etag: '"1"' };

describe.runIf(nginxIsInstalled())('nginx in front of a service in trouble', () => {
  it('shows what has expired for as long as the service fails or is dead', async () => {
    let isFailing = false;
    const { origin, port } = await start((_request, response) => {
      if (isFailing) response.writeHead(503, { 'cache-control': 'no-store' }).end('busy');
      else response.writeHead(200, BRIEF).end('avatar');
    });
    await ask(port, PATH);
    isFailing = true;
    const whileFailing = await askWhenExpired(port);
    expect(cacheStatus(whileFailing)).toBe('STALE');
    await expect.poll(() => origin.requests.length).toBe(2);
    await origin.close();
    const whileDead = [await ask(port, PATH), await ask(port, PATH)];
    for (const { status, body, headers } of [whileFailing, ...whileDead]) {
      expect({ status, body: String(body) }).toEqual({ status: 200, body: 'avatar' });
      expect(headers['x-cache-status']).toMatch(/^(?:STALE|UPDATING)$/);
    }
  });

  it('shows what has expired at once, and asks behind the back of the client by its tag', async () => {
    const held: ServerResponse[] = [];
    const { origin, port } = await start((request, response) => {
      if (request.headers['if-none-match'] === undefined) {
        response.writeHead(200, BRIEF).end('avatar');
      } else {
        held.push(response);
      }
    });
    await ask(port, `${PATH}?from=page`);
    const shown = await askWhenExpired(port);
    expect(cacheStatus(shown)).toBe('STALE');
    // The service has not answered yet, and will not before this:
    expect(String(shown.body)).toBe('avatar');
    expect(cacheStatus(await ask(port, PATH))).toBe('UPDATING');
    await expect.poll(() => held.length).toBe(1);
    expect(origin.requests.at(-1)).toMatchObject({
      method: 'GET',
      url: PATH,
      headers: { 'if-none-match': '"1"' },
    });
    held[0]?.writeHead(304, FRESH).end();
    await expect.poll(async () => cacheStatus(await ask(port, PATH))).toBe('HIT');
    expect(String((await ask(port, PATH)).body)).toBe('avatar');
    expect(origin.requests).toHaveLength(2);
  });

  it.each([500, 502, 503, 504])('passes %i on as it is and does not keep it', async (status) => {
    const headers = {
      'cache-control': 'no-store',
      'content-type': 'application/problem+json',
      'retry-after': '7',
    };
    const { origin, port } = await start((_request, response) => {
      response.writeHead(status, headers).end('{"code":"x"}');
    });
    for (const reply of [await ask(port, PATH), await ask(port, PATH)]) {
      expect(reply.status).toBe(status);
      expect(reply.headers).toMatchObject(headers);
      expect(String(reply.body)).toBe('{"code":"x"}');
      expect(cacheStatus(reply)).toBe('MISS');
    }
    expect(origin.requests).toHaveLength(2);
  });

  it('sends paths and queries on as they came', async () => {
    const { origin, port } = await start((_request, response) => {
      response.writeHead(200, FRESH).end();
    });
    const paths = [
      '/user_avatar/h/%c5%81/48/1.png?a=%20b',
      '/user_avatar/h//48/1.png',
      '/user_avatar/h/./../%2e%2e/user_avatar/a;b=c/1.png',
      '/%75ser_avatar/h/%2F/48/1.png',
    ];
    for (const path of paths) await ask(port, path);
    expect(origin.requests.map(({ url }) => url)).toEqual(paths);
  });

  it('keeps its connections to the service', async () => {
    const { origin, port } = await start((_request, response) => {
      response.writeHead(200, FRESH).end();
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let id = 1; id <= 10; id += 1) {
      await ask(port, `/user_avatar/h/bob/48/${id}.png`, { agent });
    }
    agent.destroy();
    expect(origin.requests).toHaveLength(10);
    expect(origin.connections()).toBe(1);
  });

  it('turns to another instance when one is dead', async () => {
    const other = await startRecorder((_request, response) => {
      response.writeHead(200, FRESH).end('from the other');
    });
    onTestFinished(() => other.close());
    const { origin, port } = await start(
      (_request, response) => response.end(),
      (configuration) => {
        expect(configuration).toContain('# server 192.0.2.2:8080 ');
        return configuration.replace('# server 192.0.2.2:8080 ', `server ${other.address} `);
      },
    );
    await origin.close();
    for (let id = 1; id <= 4; id += 1) {
      const { status, body } = await ask(port, `/user_avatar/h/bob/48/${id}.png`);
      expect({ status, body: String(body) }).toEqual({ status: 200, body: 'from the other' });
    }
  });

  it('sends letter avatars to the service once its part for Discourse is in use', async () => {
    const { origin, forum, port } = await start((_request, response) => {
      response.writeHead(200, FRESH).end('letter');
    }, uncommentDiscourse);
    const paths = [
      '/letter_avatar/bob/48/5_abc.png',
      '/letter_avatar_proxy/v4/letter/%C5%81/aabbcc/48.png',
    ];
    for (const path of paths) {
      const replies = [await ask(port, path), await ask(port, `${path}?x`)];
      expect(replies.map(cacheStatus)).toEqual(['MISS', 'HIT']);
    }
    expect(origin.requests.map(({ url }) => url)).toEqual(paths);
    expect(forum.requests).toEqual([]);
  });
});

/** A stand-in for the service, which does what a test needs, and nginx before it. */
async function start(
  handler: Handler,
  edit?: (text: string) => string,
): Promise<{ origin: Recorder; forum: Recorder; port: number }> {
  const origin = await startRecorder(handler);
  const forum = await startRecorder((_request, response) => response.end('the forum'));
  const nginx = await startNginx({ avatars: origin.address, forum: forum.address }, edit);
  onTestFinished(async () => {
    await nginx.stop();
    await origin.close();
    await forum.close();
  });
  return { origin, forum, port: nginx.port };
}

/** Asks until the entry, which held for a second, has expired. */
async function askWhenExpired(port: number): Promise<RawReply> {
  let reply = await ask(port, PATH);
  await expect
    .poll(
      async () => {
        reply = await ask(port, PATH);
        return cacheStatus(reply);
      },
      { timeout: 10_000, interval: 50 },
    )
    .not.toBe('HIT');
  return reply;
}
