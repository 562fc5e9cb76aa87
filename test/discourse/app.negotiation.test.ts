/** `AVATAR_NEGOTIATE` at the addresses of Discourse, which all end in .png. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { card } from '../support/cards.ts';
import { insertUpload, insertUser, storedKey } from '../support/discourse-database.ts';
import { BLANK, type Reply, see, useForum } from './fixture.ts';

const CHROME = 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8';
const DRAWING =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8"/></svg>';

const forum = useForum(
  insertUpload({ id: 100, extension: 'jpg' }) +
    insertUser(100, 'photo', 100) +
    insertUpload({ id: 102, extension: 'svg' }) +
    insertUser(102, 'drawing', 102),
);
let app: TestApp;

beforeAll(async () => {
  const { s3, bucket, start } = forum();
  await s3.put(bucket, storedKey(100, 'jpg'), await card(90, 90).jpeg().toBuffer());
  await s3.put(bucket, storedKey(102, 'svg'), Buffer.from(DRAWING));
  app = await start({ AVATAR_NEGOTIATE: 'avif,webp' });
});

async function get(url: string, accept = CHROME): Promise<Reply> {
  return await app.server.inject({ url, headers: { accept } });
}

describe('with Discourse', () => {
  it.each([
    [CHROME, 'image/avif'],
    ['image/webp,*/*', 'image/webp'],
    ['*/*', 'image/jpeg'],
  ])('who sends %s gets %s of a JPEG', async (accept, type) => {
    const { headers } = await get('/user_avatar/default/photo/48/100_2.png', accept);
    expect(headers).toMatchObject({ 'content-type': type, vary: 'Accept' });
  });

  it('a drawing is passed on as it is, whoever asks', async () => {
    const { headers, body } = await get('/user_avatar/default/drawing/48/102_2.png');
    expect(body).toBe(DRAWING);
    expect(headers).toMatchObject({ 'content-type': 'image/svg+xml', vary: 'Accept' });
  });

  it('nobody’s silhouette is a PNG, whoever asks', async () => {
    for (const path of ['nobody/48/100_2', 'photo/99999/100_2']) {
      const reply = await get(`/user_avatar/default/${path}.png`);
      expect(await see(reply)).toMatchObject(BLANK);
      expect(reply.headers['vary']).toBe('Accept');
    }
  });

  it('letters are PNG for all, and so do not vary', async () => {
    for (const url of [
      '/letter_avatar/bob/48/5_0.png',
      '/letter_avatar_proxy/v4/letter/b/aaaaaa/48.png',
    ]) {
      const { headers } = await get(url);
      expect(headers['content-type']).toBe('image/png');
      expect(headers).not.toHaveProperty('vary');
    }
  });
});
