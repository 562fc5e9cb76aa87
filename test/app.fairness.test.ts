/** Who floods, under whatever names, keeps nobody else from a renderer. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createFolder, startApp, type TestApp } from './support/app.ts';
import { card } from './support/cards.ts';

const POLL = { timeout: 15_000 };
/** More than fit in before the deadline. */
const FLOOD = 200;
/** What another asks for meanwhile: a small part of that. */
const VISITS = 10;

let folder: Awaited<ReturnType<typeof createFolder>>;
let app: TestApp;

beforeAll(async () => {
  const original = await card(90, 90).png().toBuffer();
  const flood = Array.from({ length: FLOOD }, (_, n) => [
    [`made-up-${n}.example/u/1`, original],
    [`large.example/u${n}/1`, original],
  ]).flat();
  const visits = Array.from({ length: VISITS }, (_, n) => [`small.example/u${n}/1`, original]);
  folder = await createFolder(Object.fromEntries([...flood, ...visits]));
});

afterEach(() => app.close());
afterAll(() => folder.remove());

async function start(variables: Record<string, string>): Promise<void> {
  app = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}`, ...variables });
  await expect.poll(() => app.renderer.up, POLL).toBe(1);
}

async function get(hostAndUser: string, remoteAddress: string): Promise<number> {
  const url = `/user_avatar/${hostAndUser}/48/1.png`;
  return (await app.server.inject({ url, remoteAddress })).statusCode;
}

/**
 * What the visitor is answered who comes when as many of the flood wait for the only renderer, which
 * stands still, as could be served in time.
 */
async function visitDuringFlood(
  ask: (n: number) => Promise<number>,
  visitor: string,
): Promise<number[]> {
  const [renderer] = app.renderer.pids;
  if (renderer === undefined) throw new Error('there is no renderer');
  process.kill(renderer, 'SIGSTOP');
  let refused = 0;
  const noting = async (asking: Promise<number>): Promise<number> => {
    const status = await asking;
    if (status === 503) refused += 1;
    return status;
  };
  const comeOrGone = (): number => app.renderer.running + app.renderer.waiting + refused;
  const flood = Array.from({ length: FLOOD }, (_, n) => noting(ask(n)));
  await expect.poll(comeOrGone).toBe(FLOOD);
  expect(refused).toBeGreaterThan(0);

  const visits = Array.from({ length: VISITS }, (_, n) =>
    noting(get(`small.example/u${n}`, visitor)),
  );
  await expect.poll(comeOrGone).toBe(FLOOD + VISITS);
  process.kill(renderer, 'SIGCONT');
  await Promise.all(flood);
  return await Promise.all(visits);
}

const ALL_SERVED = Array.from({ length: VISITS }, () => 200);

it('one client that makes up a host for each request has no more turns than another', async () => {
  await start({});
  const ask = (n: number): Promise<number> => get(`made-up-${n}.example/u`, '192.0.2.1');
  expect(await visitDuringFlood(ask, '192.0.2.2')).toEqual(ALL_SERVED);
});

it('many clients of one site leave another its turns, where sites are configured', async () => {
  await start({ AVATAR_HOSTS: 'small.example large.example' });
  const ask = (n: number): Promise<number> => get(`large.example/u${n}`, `192.0.2.${n}`);
  expect(await visitDuringFlood(ask, '198.51.100.1')).toEqual(ALL_SERVED);
});
