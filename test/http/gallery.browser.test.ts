/**
 * The gallery as operators see it, in Chromium. With `SCREENSHOTS=DIR` each look is written there, to
 * be looked at.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import sharp from 'sharp';
import { createFolder, startApp, type TestApp } from '../support/app.ts';
import { card } from '../support/cards.ts';
import { hasChromium, startChromium } from '../support/chromium.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const { SCREENSHOTS } = process.env;
const LOOKS = [
  { width: 1280, colorScheme: 'light' },
  { width: 1280, colorScheme: 'dark' },
  { width: 390, colorScheme: 'light' },
  { width: 390, colorScheme: 'dark' },
] as const;
const FORMATS = 4;
const PATIENCE = { timeout: 60_000 };

let app: TestApp;
let browser: Browser;
let base: string;

beforeAll(async () => {
  if (!hasChromium) return;
  app = await startApp({ AVATAR_SIZES: '24 48 144' });
  await app.listen();
  base = await app.admin.listen({ host: '127.0.0.1', port: 0 });
  browser = await startChromium();
}, 60_000);

afterAll(async () => {
  if (!hasChromium) return;
  await browser.close();
  await app.close();
});

type Visit = { readonly page: Page; readonly complaints: string[]; readonly origins: Set<string> };

async function visit(
  path: string,
  look: (typeof LOOKS)[number] = LOOKS[0],
  admin = base,
): Promise<Visit> {
  const { width, colorScheme } = look;
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const complaints: string[] = [];
  const origins = new Set<string>();
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => origins.add(new URL(request.url()).origin));
  await page.goto(`${admin}${path}`);
  return { page, complaints, origins };
}

async function statusOf(page: Page, text: string): Promise<void> {
  await page.getByRole('status').getByText(text).waitFor(PATIENCE);
}

describe.runIf(hasChromium)('the gallery', PATIENCE, () => {
  it('shows a user in every size and format, twice, with how each came about', async () => {
    const { page, complaints, origins } = await visit('/');
    // With the keyboard alone, from the example in the form.
    await expect.poll(() => page.getByLabel('User').inputValue()).toBe('jongnam');
    await page.getByLabel('Host').fill('demo');
    await page.getByLabel('User').fill('owl');
    await page.getByLabel('Id').fill('2');
    await page.getByLabel('Id').press('Enter');
    await statusOf(page, '12 pictures of owl');

    const shown = await page
      .locator('img')
      .evaluateAll((images) =>
        images.map((image) => ('naturalWidth' in image ? image.naturalWidth : 0)),
      );
    expect(shown).toEqual(Array.from({ length: 2 * FORMATS }, () => [24, 48, 144]).flat());
    const [first = [], ...rest] = await rowsOf(page);
    expect(rest).toHaveLength(11);
    expect(first[0]).toBe('24 px png');
    expect(Number(first[1]?.replace(',', ''))).toBeGreaterThan(100);
    expect(first[3]).toBe('fwd=uri-miss; stored');
    expect(first[4]).toMatch(/^locate [\d.]+, read [\d.]+, inspect .*, render .*, total/);
    expect(first[5]).toMatch(/^png\d+-24-/);

    await page.getByRole('button', { name: 'Show' }).click();
    await expect.poll(async () => (await rowsOf(page)).length, PATIENCE).toBe(12);
    expect((await rowsOf(page)).map((cells) => cells[3])).toEqual(
      Array.from({ length: 12 }, () => 'hit'),
    );
    // In the address, to be passed on.
    expect(new URL(page.url()).search).toBe('?host=demo&user=owl&id=2');
    expect(complaints).toEqual([]);
    // The origin of a blob is the page's own.
    expect([...origins]).toEqual([base]);
    await page.close();
  });

  it('draws how the service does, until it is paused', async () => {
    const { page } = await visit('/?host=demo&user=wide&id=4');
    await statusOf(page, '12 pictures of wide');
    const ratio = page.getByRole('img', { name: /^Hit ratio: hits [\d.]+ %$/ });
    await ratio.waitFor(PATIENCE);
    await page.getByRole('img', { name: /^Latency of misses: p95 \d+ ms/ }).waitFor(PATIENCE);
    await page.getByRole('img', { name: 'Queue: waiting 0, running 0' }).waitFor(PATIENCE);
    const drawn = (): Promise<string | null> => ratio.locator('path').first().getAttribute('d');
    await expect.poll(drawn, PATIENCE).toMatch(/M[\d.]+ [\d.]+L/);

    const pause = page.getByRole('button', { name: 'Pause' });
    await pause.click();
    expect(await pause.getAttribute('aria-pressed')).toBe('true');
    await page.close();
  });

  it('says what is wrong instead of an empty page', async () => {
    const { page } = await visit('/?host=demo&user=nobody&id=7');
    await statusOf(page, '0 pictures of nobody, 12 failed: 404 avatar_missing');
    for (const [, reason] of await rowsOf(page)) expect(reason).toMatch(/^404 avatar_missing: /);
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.getByRole('group').count()).toBe(0);
    await page.close();

    const malformed = await visit('/?host=..&user=owl&id=2');
    await statusOf(malformed.page, '404 path_invalid');
    expect(await malformed.page.locator('table').isVisible()).toBe(false);
    await malformed.page.close();
  });

  it.each(LOOKS)(
    'shows what there is when a part of it fails, at $width px in $colorScheme',
    async (look) => {
      await using outage = await startOutage();
      const { page, complaints } = await visit('/?host=h&user=sam&id=1', look, outage.admin);
      await statusOf(page, '10 pictures of sam, 2 failed: 50');
      const rows = await rowsOf(page);
      expect(rows).toHaveLength(12);
      const failed = rows.filter((cells) => cells.length === 2);
      expect(failed.map(([picture]) => picture)).toEqual(['48 px webp', '144 px avif']);
      for (const [, reason] of failed) expect(reason).toMatch(/^50\d originals_\w+: /);
      // In their places all the same.
      expect(rows.map(([picture]) => picture)).toEqual(
        ['png', 'jpeg', 'webp', 'avif'].flatMap((format) =>
          [24, 48, 144].map((size) => `${size} px ${format}`),
        ),
      );
      expect(await page.locator('img').count()).toBe(2 * 10);
      // The browser's own, of each reply that is no picture.
      expect(complaints).toHaveLength(2);
      expect(await violationsOf(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(look.width);
      if (SCREENSHOTS !== undefined) {
        const name = `gallery-outage-${look.width}-${look.colorScheme}.png`;
        await page.screenshot({ path: join(SCREENSHOTS, name), fullPage: true });
      }
      await page.close();
    },
  );

  it('shows the one who was asked for last, and nothing of the one before', async () => {
    const { page } = await visit('/');
    await expect.poll(() => page.getByLabel('User').inputValue()).toBe('jongnam');
    // Quicker than a hand: each while pictures of the one before are on their way.
    await page.evaluate(`(async () => {
      const form = document.querySelector('#who');
      for (const [user, id] of [['photo', '1'], ['owl', '2'], ['sideways', '6']]) {
        Object.assign(form.elements.host, { value: 'demo' });
        Object.assign(form.elements.user, { value: user });
        Object.assign(form.elements.id, { value: id });
        form.requestSubmit();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })()`);
    await statusOf(page, '12 pictures of sideways');
    await page.waitForLoadState('networkidle');
    const names = (await rowsOf(page)).map(([name]) => name);
    expect([names.length, new Set(names).size]).toEqual([12, 12]);
    expect(await page.locator('img').count()).toBe(2 * 12);
    const groups = await page.getByRole('group').all();
    const labels = await Promise.all(groups.map((group) => group.getAttribute('aria-label')));
    expect(labels).toHaveLength(2 * FORMATS);
    for (const label of labels) expect(label).toMatch(/^sideways as /);
    await page.close();
  });

  it('announces how it ended, and not every picture', async () => {
    const { page } = await visit('/');
    await expect.poll(() => page.getByLabel('User').inputValue()).toBe('jongnam');
    await page.evaluate(`
      globalThis.said = [];
      const region = document.querySelector('[role=status]');
      new MutationObserver(() => said.push(region.textContent)).observe(region, {
        childList: true, characterData: true, subtree: true,
      });
    `);
    await page.getByRole('button', { name: 'Show' }).click();
    await statusOf(page, '12 pictures of jongnam');
    const said: string[] = await page.evaluate('said');
    expect(said.filter((text) => text !== '')).toEqual(['12 pictures of jongnam']);
    expect(await page.getByRole('progressbar').count()).toBe(0);
    await page.close();
  });

  it.each(LOOKS)('at $width px in $colorScheme colours is fit for everybody', async (look) => {
    const { page } = await visit('/?host=demo&user=owl&id=2', look);
    await statusOf(page, '12 pictures of owl');
    expect(await violationsOf(page)).toEqual([]);
    // Nothing hangs out of the window but what scrolls by itself.
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(look.width);
    if (SCREENSHOTS !== undefined) {
      const name = `gallery-${look.width}-${look.colorScheme}.png`;
      await page.screenshot({ path: join(SCREENSHOTS, name), fullPage: true });
    }
    await page.close();
  });
});

/** A service whose originals are gone, and which has all pictures of one of them but two. */
async function startOutage(): Promise<{ admin: string } & AsyncDisposable> {
  const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
  const create = { width: 1600, height: 1600, channels: 3, background: '#000', noise } as const;
  const large = await sharp({ create }).png().toBuffer();
  const folder = await createFolder({
    'h/sam/1': await card(300, 300).png().toBuffer(),
    'h/large1/1': large,
    'h/large2/1': large,
    'h/large3/1': large,
  });
  const outage = await startApp({
    AVATAR_ORIGINALS: `file:${folder.directory}`,
    AVATAR_SIZES: '24 48 144',
  });
  const admin = await outage.admin.listen({ host: '127.0.0.1', port: 0 });
  const formats = ['png', 'jpg', 'webp', 'avif'];
  const pictures = formats.flatMap((format) => ['24', '48', '144'].map((size) => [size, format]));
  const missing = new Set(['48 webp', '144 avif']);
  const asked = pictures.filter((picture) => !missing.has(picture.join(' ')));
  for (const [size = '', format = ''] of asked) {
    await look({ user: 'sam', size, format });
  }
  // Until his is not among the originals just read, which are at hand for other sizes.
  for (const user of ['large1', 'large2', 'large3'])
    await look({ user, size: '24', format: 'jpg' });
  await folder.remove();
  return { admin, [Symbol.asyncDispose]: () => outage.close() };

  async function look(of: Record<'user' | 'size' | 'format', string>): Promise<void> {
    const query = new URLSearchParams({ host: 'h', id: '1', ...of });
    const reply = await fetch(`${admin}/picture?${query.toString()}`);
    await reply.arrayBuffer();
    expect(reply.status).toBe(200);
  }
}

async function rowsOf(page: Page): Promise<string[][]> {
  const rows = await page.locator('tbody tr').all();
  return await Promise.all(rows.map((row) => row.locator('th, td').allTextContents()));
}

async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const results: AxeResults = await page.evaluate('axe.run()');
  return results.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`,
  );
}
