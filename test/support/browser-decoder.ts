/** Chromium as a decoder, which shares no code with what the service decodes and scales with. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { startChromium } from './chromium.ts';
import type { Pixels } from './colour.ts';
import { freePort } from './ports.ts';

const SCRIPT = readFileSync(join(import.meta.dirname, 'decode-in-browser.js'), 'utf8');

/** As people see it: upright, in sRGB, its first frame. */
export type Seen = {
  readonly width: number;
  readonly height: number;
  /** In the middle; every second pixel of it or so, where it is large. */
  readonly square: Pixels;
};

export type BrowserDecoder = {
  /**
   * @param most edge of a square that comes pixel by pixel
   * @throws Error when people would see no picture
   */
  decode(picture: Buffer, most: number): Promise<Seen>;
  close(): Promise<void>;
};

export async function startBrowserDecoder(): Promise<BrowserDecoder> {
  const encoded = new Map<string, Buffer>();
  const decoded = new Map<string, Buffer>();
  // Pixels go by HTTP: the channel that drives the browser takes text only.
  const server = createServer((request, response) => {
    const [, what, name = ''] = request.url?.split('/') ?? [];
    if (what !== 'decoded') {
      response.end(encoded.get(name));
      return;
    }
    buffer(request).then(
      (pixels) => {
        decoded.set(name, pixels);
        response.end();
      },
      () => response.destroy(),
    );
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const browser = await startChromium();
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.addScriptTag({ content: SCRIPT });
  let count = 0;
  return {
    async decode(picture, most) {
      count += 1;
      const name = `${count}`;
      encoded.set(name, picture);
      try {
        const { edge, ...size }: { width: number; height: number; edge: number } =
          await page.evaluate(`decode('${name}', ${most})`);
        const data = decoded.get(name);
        if (data?.length !== edge * edge * 4) throw new Error('the page has sent other pixels');
        return { ...size, square: { width: edge, height: edge, data } };
      } finally {
        encoded.delete(name);
        decoded.delete(name);
      }
    },
    async close() {
      await browser.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
