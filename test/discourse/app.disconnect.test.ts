/** A client that leaves while its forum's sizes are still looked up: nothing is done for it. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { useForum } from './fixture.ts';

const forum = useForum();
let database: TcpProxy;
let app: TestApp;

beforeAll(async () => {
  const { postgres, start } = forum();
  database = await startTcpProxy(postgres.port);
  const address = postgres
    .url('forum', 'avatar_proxy')
    .replace(String(postgres.port), String(database.port));
  app = await start({ AVATAR_DISCOURSE_URL: address });
});

afterAll(() => database.stop());

it('costs no read and no render when it was gone before there was anything to do', async () => {
  const port = Number(new URL(await app.listen()).port);
  const { proxy } = forum().s3;
  const before = proxy.objectReads();
  database.inject({ kind: 'hang' });
  const client = connect(port, '127.0.0.1');
  await once(client, 'connect');
  client.write('GET /user_avatar/default/bob/48/10_2.png HTTP/1.1\r\nHost: h\r\n\r\n');
  await expect.poll(() => database.connections()).toBeGreaterThan(0);
  client.destroy();
  const left = (): unknown[] => app.lines.filter(({ outcome }) => outcome === 'client_left');
  await expect.poll(left).toHaveLength(1);
  database.heal();

  // Whoever comes after it is answered: what was to be done for it would have been done by then.
  const reply = await app.server.inject('/user_avatar/default/anna.b-c_d/48/30_2.png');
  expect(reply.statusCode).toBe(200);
  expect(proxy.objectReads()).toBe(before + 1);
  expect(await app.metric('avatar_render_duration_seconds_count')).toBe(1);
  expect(left()).toHaveLength(1);
});

it('is answered by the deadline, however long the database may take to say which sizes there are', async () => {
  const { postgres, start } = forum();
  const address = postgres
    .url('forum', 'avatar_proxy')
    .replace(String(postgres.port), String(database.port));
  // Half a second less than the database itself is given.
  const hurried = await start({ AVATAR_DISCOURSE_URL: address, AVATAR_DEADLINE_MS: '300' });
  database.inject({ kind: 'hang' });
  const reply = await hurried.server.inject('/user_avatar/default/bob/48/10_2.png');
  database.heal();
  expect(reply.statusCode).toBe(504);
  expect(hurried.lines.findLast(({ outcome }) => outcome === 'deadline_passed')).toMatchObject({
    reason: expect.stringContaining('not done after 300 ms'),
  });
});
