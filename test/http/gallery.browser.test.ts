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
import { startApp, type TestApp } from '../support/app.ts';
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

async function visit(path: string, look: (typeof LOOKS)[number] = LOOKS[0]): Promise<Visit> {
  const { width, colorScheme } = look;
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const complaints: string[] = [];
  const origins = new Set<string>();
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => origins.add(new URL(request.url()).origin));
  await page.goto(`${base}${path}`);
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
    await statusOf(page, '404 avatar_missing');
    expect(await page.locator('table').isVisible()).toBe(false);
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
