import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { startApp } from '../support/app.ts';

const PATIENCE = { timeout: 10_000 };

it('closing waits for the answers under way, and not for the connections they leave behind', async () => {
  const app = await startApp();
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
