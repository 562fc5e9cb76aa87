/** Renderers that crash, hang or are killed in the middle of their work, while others are asked for. */
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFolder, startApp, type TestApp } from './support/app.ts';
import { card } from './support/cards.ts';

const POLL = { interval: 10, timeout: 15_000 };
/** What a renderer holds when it decodes the slow picture, and at no other time. */
const AT_WORK_BYTES = 150e6;
/** Pictures of others that are asked for meanwhile, in sizes of which none is cached. */
const OTHERS = [20, 31, 48, 64, 90];

let folder: Awaited<ReturnType<typeof createFolder>>;
let app: TestApp;
let base: string;
let expected: ReadonlyMap<number, Buffer>;

beforeAll(async () => {
  const good = await card(300, 200).jpeg().toBuffer();
  // Half a second's work, and most of the memory that the header check lets pass.
  const slow = await sharp({
    create: { width: 4700, height: 4700, channels: 4, background: '#8888' },
  })
    .toColourspace('rgb16')
    .png({ progressive: true, compressionLevel: 1 })
    .toBuffer();
  folder = await createFolder({ 'h/good/1': good, 'h/slow/1': slow, 'h/other/1': good });
  await start();
  const all = OTHERS.map(async (size) => [size, (await get(`good/${size}`)).body] as const);
  expected = new Map(await Promise.all(all));
  await app.close();
});

beforeEach(start);
afterEach(() => app.close());
afterAll(() => folder.remove());

async function start(): Promise<void> {
  app = await startApp({
    AVATAR_ORIGINALS: `file:${folder.directory}`,
    AVATAR_RENDERS: '2',
    AVATAR_DEADLINE_MS: '15000',
  });
  base = await app.listen();
}

async function get(userAndSize: string): Promise<{ status: number; body: Buffer }> {
  const reply = await fetch(`${base}/user_avatar/h/${userAndSize}/1.png`);
  return { status: reply.status, body: Buffer.from(await reply.arrayBuffer()) };
}

/** @returns the renderer that has come into the middle of decoding */
async function rendererAtWork(except?: number): Promise<number> {
  let found: number | undefined;
  await expect
    .poll(() => {
      const busy = app.renderer.pids.filter((pid) => residentBytes(pid) > AT_WORK_BYTES);
      found = busy.find((pid) => pid !== except);
      return found;
    }, POLL)
    .toBeDefined();
  return found ?? 0;
}

function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch {
    // Just gone.
    return 0;
  }
}

/** All of them, with the bytes they always have. */
async function requireOthers(): Promise<void> {
  const replies = await Promise.all(OTHERS.map((size) => get(`other/${size}`)));
  for (const [index, { status, body }] of replies.entries()) {
    const size = OTHERS[index] ?? 0;
    expect({ size, status }).toEqual({ size, status: 200 });
    expect(body.equals(expected.get(size) ?? Buffer.alloc(0)), `bytes at ${size}`).toBe(true);
  }
}

describe('a renderer in the middle of a picture', () => {
  it.each(['SIGSEGV', 'SIGKILL', 'SIGABRT'] as const)(
    'that ends with %s costs that picture a second try, and others nothing',
    async (signal) => {
      const slow = get('slow/48');
      process.kill(await rendererAtWork(), signal);
      await requireOthers();
      expect((await slow).status).toBe(200);
      expect(await app.metric('avatar_renderer_deaths_total')).toBe(1);
      expect(await app.metric('avatar_originals_quarantined_total')).toBe(0);
    },
  );

  it('that hangs is killed in time, and costs that picture its answer, and others nothing', async () => {
    const slow = get('slow/48');
    const hung = await rendererAtWork();
    process.kill(hung, 'SIGSTOP');
    await requireOthers();
    const { status, body } = await slow;
    expect(status).toBe(504);
    expect(JSON.parse(body.toString())).toMatchObject({ code: 'render_timeout' });
    await expect.poll(() => app.renderer.pids, POLL).not.toContain(hung);
    expect(await app.metric('avatar_renderer_deaths_total')).toBe(1);
    expect((await get('slow/48')).status).toBe(200);
  });
});

describe('renderers that die with no picture', () => {
  it('are logged and counted each time, and started anew', async () => {
    await expect.poll(() => app.renderer.up, POLL).toBe(2);
    const killed = app.renderer.pids;
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    const deaths = (): Promise<number> => app.metric('avatar_renderer_deaths_total');
    await expect.poll(deaths, POLL).toBe(2);
    const lines = app.lines.filter(({ msg }) => msg === 'a renderer died without a picture');
    expect(lines.map(({ level }) => level)).toEqual([50, 50]);
    expect(lines.map(({ reason }) => String(reason)).toSorted()).toEqual(
      killed.map((pid) => `RendererDied: renderer ${pid} ended with SIGKILL`).toSorted(),
    );
    await expect.poll(() => app.renderer.up, POLL).toBe(2);
    await requireOthers();
    await app.close();
    expect(app.lines.filter(({ msg }) => String(msg).includes('renderer died'))).toEqual(lines);
  });
});

describe('a picture over which two renderers died in a row', () => {
  it('is refused from then on without a renderer, logged by its key, and counted', async () => {
    const slow = get('slow/48');
    const first = await rendererAtWork();
    process.kill(first, 'SIGSEGV');
    process.kill(await rendererAtWork(first), 'SIGSEGV');
    const { status, body } = await slow;
    expect(status).toBe(422);
    expect(JSON.parse(body.toString())).toMatchObject({ code: 'original_quarantined' });
    expect(body.toString()).not.toContain('slow');

    expect(await app.metric('avatar_originals_quarantined_total')).toBe(1);
    const line = app.lines.find(({ msg }) => String(msg).includes('refused for an hour'));
    expect(String(line?.['original'])).toContain('h/slow/1@');

    expect((await get('slow/96')).status).toBe(422);
    expect(await app.metric('avatar_renderer_deaths_total')).toBe(2);
    await requireOthers();
  });
});
