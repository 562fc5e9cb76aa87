/** The real Chromium, where it is installed (Debian: `chromium`). */
import { type Browser, chromium } from 'playwright-core';
import { findProgram } from './programs.ts';

const executablePath = findProgram('chromium');

export const hasChromium = executablePath !== undefined;

if (!hasChromium && process.env['REQUIRE_CHROMIUM'] === '1') {
  throw new Error('REQUIRE_CHROMIUM=1, and chromium is not installed');
}

export async function startChromium(): Promise<Browser> {
  // Its own sandbox needs rights that containers do not give.
  const args = ['--no-sandbox'];
  return await chromium.launch({ args, ...(executablePath !== undefined && { executablePath }) });
}
