/** More misses than can be rendered in time, all at once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, startApp, type TestApp } from './support/app.ts';
import { card } from './support/cards.ts';

let folder: Awaited<ReturnType<typeof createFolder>>;
let app: TestApp;
let base: string;

const POLL = { timeout: 15_000 };
const FLOOD = 300;

beforeAll(async () => {
  // Each takes a renderer some tens of milliseconds, and all of them seconds.
  const large = await card(3000, 2400).jpeg().toBuffer();
  const small = await card(90, 90).png().toBuffer();
  const flood = Array.from({ length: FLOOD }, (_, user) => [`h/flood-${user}/1`, large] as const);
  folder = await createFolder({ ...Object.fromEntries(flood), 'h/quiet/1': small });
  app = await startApp({
    AVATAR_ORIGINALS: `file:${folder.directory}`,
    AVATAR_DEADLINE_MS: '4000',
    AVATAR_SIZES: '48,96',
  });
  base = await app.listen();
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

async function get(path: string): Promise<Response> {
  const response = await fetch(`${base}/user_avatar/${path}`, { redirect: 'manual' });
  await response.arrayBuffer();
  return response;
}

describe('under more load than it can bear', () => {
  it('refuses some with when to come back, and answers whatever needs no render', async () => {
    // A renderer may take longer to start than this service has for an answer.
    await expect.poll(async () => (await get('h/quiet/48/1.png')).status, POLL).toBe(200);
    const cached = await get('h/quiet/48/1.png');

    const flood = Array.from({ length: FLOOD }, (_, user) => get(`h/flood-${user}/96/1.png`));
    const [hit, unchanged, missing, redirect] = await Promise.all([
      get('h/quiet/48/1.png'),
      fetch(`${base}/user_avatar/h/quiet/48/1.png`, {
        headers: { 'if-none-match': cached.headers.get('etag') ?? '' },
      }),
      get('h/quiet/49/1.txt'),
      get('h/quiet/100/1.png'),
    ]);
    expect([hit.status, unchanged.status, missing.status, redirect.status]).toEqual([
      200, 304, 404, 302,
    ]);

    const replies = await Promise.all(flood);
    const refused = replies.filter(({ status }) => status === 503);
    const rendered = replies.filter(({ status }) => status === 200);
    expect(rendered.length).toBeGreaterThan(0);
    expect(refused.length).toBeGreaterThan(0);
    // Who is let in is served, unless the machine itself stands still meanwhile.
    expect(FLOOD - rendered.length - refused.length).toBeLessThan(FLOOD / 20);
    for (const { headers } of refused) {
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(headers.get('cache-control')).toBe('no-store');
    }
    // Nothing is read for those who are refused, but for the few the estimate erred about.
    const reads = await app.metric('avatar_original_reads_total', { result: 'read' });
    expect(reads).toBeLessThan(FLOOD - refused.length / 2);
  });

  it('is as it was when the flood is over', async () => {
    await expect.poll(async () => (await get('h/quiet/96/1.png')).status, POLL).toBe(200);
    expect(await app.metric('avatar_renders_waiting')).toBe(0);
  });
});
