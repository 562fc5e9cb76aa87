/** The front of a fleet, before stand-ins that do what a test needs. Of a fleet alive, `fleet.test.ts` tells. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FLEET_CONF, placeFleet } from '../support/fleet.ts';
import { ask, cacheStatus, nginxIsInstalled, runNginx } from '../support/nginx.ts';
import { type Handler, type Recorder, startRecorder } from '../support/recorder.ts';

const FRESH = { 'cache-control': 'public, max-age=60', etag: '"1"' };
const SIZES = [24, 48, 72, 96, 144, 288];
const USERS = Array.from({ length: 60 }, (_, index) => `user${index}`);

describe.runIf(nginxIsInstalled())('the front of a fleet', () => {
  it('sends all sizes and formats of an avatar to one instance, and avatars to all', async () => {
    const { port, instances } = await start(3, (_request, response) => {
      response.writeHead(200, FRESH).end();
    });
    for (const user of USERS) {
      for (const size of SIZES) await ask(port, `/user_avatar/forum.example/${user}/${size}/1.png`);
      await ask(port, `/user_avatar/forum.example/${user}/48/1.webp?x=1`);
    }
    const usersOf = instances.map(
      ({ requests }) => new Set(requests.map(({ url }) => url.split('/')[3])),
    );
    const shares = usersOf.map(({ size }) => size);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(USERS.length);
    for (const share of shares) expect(share).toBeGreaterThan(USERS.length / 10);
    const all = instances.reduce((sum, { requests }) => sum + requests.length, 0);
    expect(all).toBe(USERS.length * (SIZES.length + 1));
  });

  it('leaves the avatars of the others where they are when one dies', async () => {
    const { port, instances } = await start(
      3,
      (_request, response) => {
        response.writeHead(200, FRESH).end();
      },
      false,
    );
    const lookAtAll = async (): Promise<Map<string, number>> => {
      for (const user of USERS) {
        const { status } = await ask(port, `/user_avatar/forum.example/${user}/48/1.png`);
        expect(status).toBe(200);
      }
      return new Map(
        instances.flatMap((instance, place) =>
          instance.take().map(({ url }) => [url, place] as const),
        ),
      );
    };
    const before = await lookAtAll();
    await instances[0]?.close();
    const after = await lookAtAll();
    const ofThoseAlive = [...before].filter(([, place]) => place !== 0);
    expect(ofThoseAlive.length).toBeLessThan(USERS.length);
    for (const [url, place] of ofThoseAlive) expect(after.get(url)).toBe(place);
    expect(after.size).toBe(USERS.length);
  });

  it('asks again when all have failed once, before it refuses', async () => {
    const cut = new Set<number>();
    const { port } = await start(2, (_request, response, place) => {
      if (cut.has(place)) {
        response.writeHead(200, FRESH).end('avatar');
      } else {
        cut.add(place);
        response.socket?.destroy();
      }
    });
    const path = '/user_avatar/forum.example/bob/48/1.png';
    const reply = await ask(port, path);
    expect({ status: reply.status, body: String(reply.body) }).toEqual({
      status: 200,
      body: 'avatar',
    });
    expect(cut).toEqual(new Set([0, 1]));
    expect(cacheStatus(await ask(port, path))).toBe('HIT');
  });

  it('passes a 502 of the service on, and asks nobody else', async () => {
    const { port, instances } = await start(2, (_request, response) => {
      response.writeHead(502, { 'cache-control': 'no-store' }).end('{"code":"x"}');
    });
    const reply = await ask(port, '/user_avatar/forum.example/bob/48/1.png');
    expect({ status: reply.status, body: String(reply.body) }).toEqual({
      status: 502,
      body: '{"code":"x"}',
    });
    expect(instances.reduce((sum, { requests }) => sum + requests.length, 0)).toBe(1);
  });

  it('tells its own health, and nothing of other addresses', async () => {
    const { port, instances } = await start(1, (_request, response) => response.end());
    expect((await ask(port, '/nginx-health')).status).toBe(204);
    expect((await ask(port, '/metrics')).status).toBe(404);
    expect(instances[0]?.requests).toEqual([]);
  });
});

type Instance = (
  request: Parameters<Handler>[0],
  response: Parameters<Handler>[1],
  place: number,
) => unknown;

async function start(
  count: number,
  instance: Instance,
  caches = true,
): Promise<{ port: number; instances: Recorder[] }> {
  const instances = await Promise.all(
    Array.from({ length: count }, (_, place) =>
      startRecorder((request, response) => instance(request, response, place)),
    ),
  );
  const ports = instances.map(({ address }) => Number(address.split(':')[1]));
  const text = readFileSync(FLEET_CONF, 'utf8');
  const nginx = await runNginx((place) => placeFleet(text, { ...place, ports, caches }));
  onTestFinished(async () => {
    await nginx.stop();
    await Promise.all(instances.map((each) => each.close()));
  });
  return { port: nginx.port, instances };
}
