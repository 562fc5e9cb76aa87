import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lookAt } from './support/cards.ts';
import { freePort } from './support/ports.ts';
import { startService } from './support/service.ts';

describe('the process', () => {
  it('serves the demo avatars it prints, with nothing configured', async () => {
    const service = await startService();
    await service.ready();
    await expect
      .poll(() => service.output())
      .toContain('/user_avatar/meta.discourse.org/jongnam/90/52330_1.png');
    const urls = service.output().match(/http:\/\/localhost:\d+\/user_avatar\S+/g) ?? [];
    expect(urls).toHaveLength(3);
    for (const url of urls) {
      const reply = await fetch(url.replace('localhost', '127.0.0.1'));
      expect(reply.status).toBe(200);
      const size = Number(url.split('/').at(-2));
      expect(await lookAt(Buffer.from(await reply.arrayBuffer()))).toMatchObject({
        width: size,
        height: size,
      });
    }
    service.child.kill('SIGTERM');
    expect(await service.exited).toBe(0);
  });

  it('ends with 78 and says everything that is wrong, without a stack trace', async () => {
    const service = await startService({
      AVATAR_ORIGINALS: 'ftp://x',
      AVATAR_SIZES: 'many',
      LOG_LEVEL: 'loud',
    });
    expect(await service.exited).toBe(78);
    expect(service.output()).toContain('AVATAR_ORIGINALS="ftp://x"');
    expect(service.output()).toContain('AVATAR_SIZES="many"');
    expect(service.output()).toContain('LOG_LEVEL="loud"');
    expect(service.output()).not.toContain('    at ');
  });

  it.each(['PORT', 'ADMIN_PORT'])(
    'names %s when something listens there, and what helps, without a stack trace',
    async (variable) => {
      const port = await takenPort();
      const service = await startService({ [variable]: String(port) });
      expect(await service.exited).toBe(1);
      const output = service.output();
      expect(output).toContain(`${variable}="${port}": something else listens there already`);
      expect(output).not.toContain('    at ');
      expect(output).not.toContain('should not have happened');
    },
  );

  it.each(['HOST', 'ADMIN_HOST'])(
    'ends with 78 when %s is no address of this machine',
    async (variable) => {
      const adminPort = String(await freePort());
      const service = await startService({ ADMIN_PORT: adminPort, [variable]: '192.0.2.1' });
      expect(await service.exited).toBe(78);
      expect(service.output()).toContain(`${variable}="192.0.2.1": this machine has no such`);
      expect(service.output()).not.toContain('    at ');
    },
  );

  it('opens no public port when that of the operators is taken', async () => {
    const service = await startService({ ADMIN_PORT: String(await takenPort()) });
    expect(await service.exited).toBe(1);
    expect(service.output()).not.toContain(service.url);
  });

  it('after SIGTERM is not ready, still serves, finishes, and leaves no process behind', async () => {
    const service = await startService({ AVATAR_DRAIN_MS: '6000', AVATAR_RENDERS: '2' });
    await service.ready();
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
    const renderers = childrenOf(service.child.pid);
    expect(renderers).toHaveLength(2);
    service.child.kill('SIGTERM');
    await expect.poll(async () => (await fetch(`${service.url}/readyz`)).status).toBe(503);
    const reply = await fetch(`${service.url}/user_avatar/demo/photo/96/1.png`);
    expect(reply.status).toBe(200);
    expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
    expect(await service.exited).toBe(0);
    expect(renderers.filter(isRunning)).toEqual([]);
    expect(service.output()).toContain('"msg":"stopped"');
  });

  it('ends at once on a second signal', async () => {
    const service = await startService({ AVATAR_DRAIN_MS: '60000' });
    await service.ready();
    service.child.kill('SIGTERM');
    await expect.poll(() => service.output()).toContain('draining');
    service.child.kill('SIGTERM');
    expect(await service.exited).toBe(1);
  });

  it('takes its renderers along when it is killed', async () => {
    const service = await startService();
    await service.ready();
    const renderers = childrenOf(service.child.pid);
    service.child.kill('SIGKILL');
    await service.exited;
    await expect.poll(() => renderers.filter(isRunning), { timeout: 5000 }).toEqual([]);
  });

  it('has its renderers killed first where memory runs out, those started anew too', async () => {
    const service = await startService({ AVATAR_RENDERS: '2' });
    await service.ready();
    const own = oomScoreAdjOf(process.pid);
    const scores = (): unknown => childrenOf(service.child.pid).map(oomScoreAdjOf);
    await expect.poll(scores, { timeout: 15_000 }).toEqual([1000, 1000]);
    const [killed = 0] = childrenOf(service.child.pid);
    process.kill(killed, 'SIGKILL');
    await expect.poll(() => isRunning(killed), { timeout: 5000 }).toBe(false);
    await expect.poll(scores, { timeout: 15_000 }).toEqual([1000, 1000]);
    expect(oomScoreAdjOf(service.child.pid ?? 0)).toBe(own);
    service.child.kill('SIGTERM');
    await service.exited;
  });

  it('has no decoder in the process that listens', async () => {
    const service = await startService();
    await service.ready();
    await fetch(`${service.url}/user_avatar/demo/owl/48/2.png`);
    const maps = readFileSync(`/proc/${service.child.pid}/maps`, 'utf8');
    expect(maps).not.toContain('sharp');
    expect(maps).not.toContain('libvips');
    service.child.kill('SIGTERM');
    await service.exited;
  });
});

/** Until the end of the test. */
async function takenPort(): Promise<number> {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const address = other.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}

function childrenOf(parent: number | undefined): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statusOf(pid)?.parent === String(parent));
}

function oomScoreAdjOf(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));
  } catch {
    // Gone.
    return undefined;
  }
}

/** A process that has ended but was not asked after yet, by an init that never does, is no more. */
function isRunning(pid: number): boolean {
  const state = statusOf(pid)?.state;
  return state !== undefined && state !== 'Z';
}

function statusOf(
  pid: number,
): { state: string | undefined; parent: string | undefined } | undefined {
  try {
    const [state, parent] =
      readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return { state, parent };
  } catch {
    // Gone.
    return undefined;
  }
}
