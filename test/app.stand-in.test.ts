/** A stand-in drawn after a slow failure. */
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startApp } from './support/app.ts';

const POLL = { timeout: 15_000 };
const DEADLINE_MS = 4000;
const STORE_MS = 1000;

/** A store that has nothing and takes its time to say so. */
async function startSlowStore(): Promise<string> {
  const server = createServer((_request, response) => {
    void sleep(STORE_MS).then(() => {
      response.writeHead(404, { 'content-type': 'application/xml' });
      response.end('<Error><Code>NoSuchKey</Code><Message>none</Message></Error>');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return `http://127.0.0.1:${address.port}`;
}

it('a letter is waited for no longer than the avatar it stands for would have been', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'a');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b');
  const endpoint = await startSlowStore();
  const app = await startApp({
    AVATAR_ORIGINALS: `s3://bucket?region=us-east-1&pathStyle=true&endpoint=${endpoint}`,
    AVATAR_MISSING: 'letter',
    AVATAR_DEADLINE_MS: `${DEADLINE_MS}`,
  });
  onTestFinished(() => app.close());
  await expect.poll(() => app.renderer.up, POLL).toBe(1);
  for (const pid of app.renderer.pids) process.kill(pid, 'SIGSTOP');

  const reply = await app.server.inject('/user_avatar/h/u/48/1.png');
  expect(reply.statusCode).toBe(504);
  const line = app.lines.find(({ outcome }) => outcome === 'deadline_passed');
  const waitedMs = Number(/after (\d+) ms/.exec(String(line?.['reason']))?.[1]);
  expect(waitedMs).toBeLessThanOrEqual(DEADLINE_MS - STORE_MS);
});
