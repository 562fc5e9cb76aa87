/** Work that nothing ends: the instance says so, and says no more when it has ended after all. */
import { ChildProcess } from 'node:child_process';
import Fastify from 'fastify';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { healthRoutes } from '../../src/http/health.ts';
import { CoalescedOriginals } from '../../src/originals/coalesced.ts';
import type { OriginalStore } from '../../src/originals/store.ts';
import { Liveness } from '../../src/telemetry/liveness.ts';
import { OriginalsReadiness } from '../../src/telemetry/readiness.ts';
import { startApp } from '../support/app.ts';
import { Recording } from '../originals/ordered.fixture.ts';

const OWL = '/user_avatar/demo/owl';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a renderer that cannot be killed', () => {
  it('turns liveness off while it is there, and costs others nothing but time', async () => {
    const app = await startApp({ AVATAR_DEADLINE_MS: '500' });
    onTestFinished(() => app.close());
    const status = async (path: string): Promise<number> =>
      (await app.server.inject(path)).statusCode;
    await expect.poll(() => status(`${OWL}/48/2.png`), { timeout: 10_000 }).toBe(200);

    // As one that waits for a disk: it hears of no signal.
    const [stuck = 0] = app.renderer.pids;
    vi.spyOn(ChildProcess.prototype, 'kill').mockImplementation(function (
      this: ChildProcess,
      signal,
    ) {
      return this.pid === stuck || process.kill(this.pid ?? stuck, signal);
    });
    process.kill(stuck, 'SIGSTOP');
    onTestFinished(() => endProcess(stuck));
    expect(await status(`${OWL}/49/2.png`)).toBe(504);

    await expect.poll(() => status('/healthz'), { timeout: 10_000 }).toBe(503);
    const reply = await app.server.inject('/healthz');
    expect(reply.json()).toMatchObject({ code: 'stuck' });
    expect(reply.headers['cache-control']).toBe('no-store');
    const line = app.lines.findLast(({ path }) => path === '/healthz');
    expect(line?.['reason']).toMatch(/a render has been under way for \d+ ms/);
    // What is in memory is served, and another renderer takes over.
    expect(await status(`${OWL}/48/2.png`)).toBe(200);
    await expect.poll(() => status(`${OWL}/50/2.png`), { timeout: 10_000 }).toBe(200);

    endProcess(stuck);
    await expect.poll(() => status('/healthz'), { timeout: 10_000 }).toBe(200);
  });
});

describe('a store that never answers and heeds no signal', () => {
  it('turns liveness off until it has answered', async () => {
    const answer = Promise.withResolvers<undefined>();
    const store: OriginalStore = {
      name: 'deaf',
      read: () => answer.promise,
      probe: async () => undefined,
      close: () => undefined,
    };
    const events = new Recording();
    const settings = { slots: 1, heldBytes: 1000, recentBytes: 1000, patienceMs: 50, events };
    const originals = new CoalescedOriginals([store], settings);
    const server = Fastify();
    await server.register(healthRoutes, {
      readiness: new OriginalsReadiness(originals),
      liveness: new Liveness({ read: originals }, 100),
    });
    const alive = async (): Promise<number> => (await server.inject('/healthz')).statusCode;

    const reading = originals.read(['a'], { signal: AbortSignal.timeout(100) });
    await expect(reading).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect.poll(alive).toBe(503);

    answer.resolve(undefined);
    await expect.poll(alive).toBe(200);
    await server.close();
  });
});

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
