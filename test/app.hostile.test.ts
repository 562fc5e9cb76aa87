/** Originals anybody may have uploaded, by the way every original takes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, startApp, type TestApp } from './support/app.ts';
import { card, distanceFromCard, lookAt } from './support/cards.ts';
import {
  avifSizes,
  compressedProfile,
  compressedText,
  png,
  pngChunk,
  webp,
  webpLosslessHeader,
  withEmptyScans,
} from './support/pictures.ts';

let folder: Awaited<ReturnType<typeof createFolder>>;
let app: TestApp;

beforeAll(async () => {
  const photo = await card(300, 200).jpeg({ progressive: true }).toBuffer();
  folder = await createFolder({
    'h/good/1': photo,
    'h/empty/1': Buffer.alloc(0),
    'h/html/1': Buffer.from('<!doctype html><title>Access denied</title>'),
    'h/svg/1': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="x"/>'),
    'h/truncated/1': photo.subarray(0, photo.length / 2),
    'h/scans/1': withEmptyScans(photo, 10_000),
    'h/huge/1': png({ width: 30_000, height: 30_000 }),
    'h/huge/2': webp(webpLosslessHeader(16_383, 16_383)),
    'h/huge/3': avifSizes([16_000, 16_000]),
    'h/strip/1': await card(1000, 1).withMetadata({ orientation: 3 }).jpeg().toBuffer(),
    'h/heavy/1': Buffer.alloc(2 * 1024 * 1024, await card(8, 8).png().toBuffer()),
    // The picture itself is good, what else is in the file is not.
    'h/text/1': withChunks(await card(90, 90).png().toBuffer(), 'zTXt', compressedText(48e6), 20),
    'h/profile/1': withChunks(
      await card(90, 90).png().toBuffer(),
      'iCCP',
      compressedProfile(49e6),
      1,
    ),
  });
  app = await startApp({
    AVATAR_ORIGINALS: `file:${folder.directory}`,
    AVATAR_MAX_ORIGINAL_MB: '1',
  });
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

/** Behind the header chunk, as often as told. */
function withChunks(picture: Buffer, type: string, data: Buffer, times: number): Buffer {
  const behindHeader = 8 + 25;
  const chunks = Array.from({ length: times }, () => pngChunk(type, data));
  return Buffer.concat([
    picture.subarray(0, behindHeader),
    ...chunks,
    picture.subarray(behindHeader),
  ]);
}

async function get(path: string) {
  return await app.server.inject(`/user_avatar/${path}.png`);
}

describe('an original that is not what it should be', () => {
  it.each([
    ['zero bytes', 'h/empty/48/1', 'original_not_an_image'],
    ['HTML', 'h/html/48/1', 'original_not_an_image'],
    ['SVG', 'h/svg/48/1', 'original_unsupported'],
    ['half a JPEG', 'h/truncated/48/1', 'original_corrupt'],
    ['a JPEG of ten thousand scans', 'h/scans/48/1', 'original_hostile'],
    ['a PNG of 30,000 by 30,000', 'h/huge/48/1', 'original_too_many_pixels'],
    ['a WebP of 16,383 by 16,383', 'h/huge/48/2', 'original_too_many_pixels'],
    ['an AVIF of 16,000 by 16,000', 'h/huge/48/3', 'original_too_many_pixels'],
    ['more bytes than allowed', 'h/heavy/48/1', 'original_too_large'],
  ])('%s: 422 for that avatar alone, and the next is answered', async (_what, path, code) => {
    const reply = await get(path);
    expect(reply.statusCode).toBe(422);
    expect(reply.json()).toMatchObject({ code });
    // The log says which it is, the reply does not.
    const key = path.replace('/48/', '/');
    expect(app.lines.at(-1)?.['reason']).toContain(`${folder.directory}/${key}`);
    expect(reply.body).not.toContain(folder.directory);
    expect((await get('h/good/48/1')).statusCode).toBe(200);
  });

  it('is not looked at again for a while', async () => {
    await get('h/truncated/48/1');
    const reads = await app.metric('avatar_original_reads_total');
    const renders = await app.metric('avatar_render_duration_seconds_count');
    expect((await get('h/truncated/96/1')).statusCode).toBe(422);
    expect(await app.metric('avatar_original_reads_total')).toBe(reads);
    expect(await app.metric('avatar_render_duration_seconds_count')).toBe(renders);
  });

  it('a strip upside down is shown by its middle, not enlarged as a whole', async () => {
    const reply = await get('h/strip/1000/1');
    expect(reply.statusCode).toBe(200);
    expect(await lookAt(reply.rawPayload)).toMatchObject({ width: 1000, height: 1000 });
    expect(await app.metric('avatar_renderer_deaths_total')).toBe(0);
  });

  it.each([
    ['a gigabyte of text', 'h/text/90/1'],
    ['a colour profile of 49 MB', 'h/profile/90/1'],
  ])('%s is dropped, and the picture shown', async (_what, path) => {
    const reply = await get(path);
    expect(reply.statusCode).toBe(200);
    expect(distanceFromCard((await lookAt(reply.rawPayload)).corners)).toBeLessThan(12);
    expect(await app.metric('avatar_renderer_deaths_total')).toBe(0);
  });
});
