/** Memory is used again: nobody may ever get a picture that is not theirs, for a cache keeps it a year. */
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, startApp, type TestApp } from './support/app.ts';
import { seededRandom } from '../bench/support/pictures.ts';

const USERS = 24;
const SIZES = [48, 96, 144, 240];
const REQUESTS = 250;

let folder: Awaited<ReturnType<typeof createFolder>>;
let app: TestApp;
let base: string;

/** Far enough from each other that no encoder confuses them. */
function greyOf(user: number): number {
  return 10 * user + 5;
}

/** Of the same few sizes in memory, most of them large enough for one decode to serve several sizes. */
async function originalOf(user: number): Promise<Buffer> {
  const edge = user % 3 === 0 ? 400 : 1500;
  const grey = greyOf(user);
  const background = { r: grey, g: grey, b: grey };
  const flat = await sharp({
    create: { width: edge, height: edge, channels: 3, background },
  })
    .png({ compressionLevel: 0 })
    .toBuffer();
  return user % 2 === 0 ? flat : await sharp(flat).webp({ lossless: true }).toBuffer();
}

beforeAll(async () => {
  const originals: Record<string, Buffer> = {};
  for (let user = 0; user < USERS; user += 1) originals[`h/u${user}/1`] = await originalOf(user);
  folder = await createFolder(originals);
  app = await startApp({
    AVATAR_ORIGINALS: `file:${folder.directory}`,
    AVATAR_RENDERS: '2',
    // Nearly nothing is found in memory, so that everything is rendered again and again.
    AVATAR_MEMORY_MB: '1',
    AVATAR_DEADLINE_MS: '60000',
  });
  base = await app.listen();
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

describe('while clients come and go', () => {
  it('everybody gets their own picture', async () => {
    const random = seededRandom(7);
    const pick = (count: number): number => Math.floor(random() * count);
    let next = 0;
    let compared = 0;
    const client = async (): Promise<void> => {
      while (next < REQUESTS) {
        next += 1;
        const [user, size] = [pick(USERS), SIZES[pick(SIZES.length)] ?? 48];
        const leavesAfterMs = random() < 0.2 ? pick(40) : 60_000;
        const picture = await get(`h/u${user}/${size}/1.png`, leavesAfterMs);
        if (picture === undefined) continue;
        compared += 1;
        const { channels } = await sharp(picture).stats();
        const worst = Math.max(
          ...channels
            .slice(0, 3)
            .flatMap(({ min, max }) => [min, max].map((each) => Math.abs(each - greyOf(user)))),
        );
        expect([user, size, worst]).toEqual([
          user,
          size,
          expect.toSatisfy((off: number) => off <= 2),
        ]);
      }
    };
    await Promise.all(Array.from({ length: 12 }, client));
    expect(compared).toBeGreaterThan(REQUESTS / 2);
  }, 60_000);
});

/** @returns undefined when the client left before the reply */
async function get(path: string, leavesAfterMs: number): Promise<Buffer | undefined> {
  try {
    const signal = AbortSignal.timeout(leavesAfterMs);
    const reply = await fetch(`${base}/user_avatar/${path}`, { signal });
    expect(reply.status).toBe(200);
    return Buffer.from(await reply.arrayBuffer());
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError') return undefined;
    throw error;
  }
}
