/** What the pictures are: cases 30 to 37, 45, 50 and 51 of Discourse's ways. */
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, type TestApp } from '../support/app.ts';
import { card, distanceFromCard, lookAt } from '../support/cards.ts';
import { insertUpload, insertUser, storedKey } from '../support/discourse-database.ts';
import { avatar, BLANK, pictureOf, type Reply, see, useForum, YEAR } from './fixture.ts';

const DRAWING = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">
  <rect width="8" height="8" fill="#357"/></svg>`;

/** Uploads of user `u<id>`, who has no other. */
const UPLOADS = {
  100: { extension: 'jpg', bytes: () => card(200, 200).jpeg({ quality: 95 }).toBuffer() },
  101: { extension: 'jpg', bytes: () => card(64, 64).png().toBuffer() },
  102: { extension: 'svg', bytes: () => Buffer.from(DRAWING) },
  103: { extension: 'svg', bytes: () => Buffer.from(DRAWING.replace('<rect', '<script/><rect')) },
  104: {
    extension: 'svg',
    bytes: () => Buffer.from(DRAWING.replace('<svg', '<!DOCTYPE svg [<!ENTITY a "b">]><svg')),
  },
  105: { extension: 'gif', bytes: () => animation() },
  106: { extension: 'png', bytes: () => card(20, 20).png().toBuffer() },
  107: { extension: 'png', bytes: () => wide() },
  108: { extension: 'jpg', bytes: () => turned() },
  109: { extension: 'png', bytes: () => halfTransparent() },
  110: { extension: 'png', bytes: () => Buffer.from('<html>no picture</html>') },
  111: { extension: 'webp', bytes: () => card(64, 64).webp({ quality: 95 }).toBuffer() },
  112: { extension: 'avif', bytes: () => card(64, 64).avif({ quality: 80 }).toBuffer() },
} as const satisfies Record<number, { extension: string; bytes: () => Buffer | Promise<Buffer> }>;

const rows = Object.entries(UPLOADS).map(
  ([id, { extension }]) =>
    insertUpload({ id: Number(id), extension }) + insertUser(Number(id), `u${id}`, Number(id)),
);
const FAILED = insertUpload({ id: 120, url: '' }) + insertUser(120, 'u120', 120);
const LOCAL =
  insertUpload({ id: 121, url: `/uploads/default/${storedKey(121)}` }) +
  insertUser(121, 'u121', 121);

const forum = useForum(rows.join('') + FAILED + LOCAL);
let app: TestApp;

beforeAll(async () => {
  const { s3, bucket, start } = forum();
  for (const [id, { extension, bytes }] of Object.entries(UPLOADS)) {
    await s3.put(bucket, storedKey(Number(id), extension), await bytes());
  }
  app = await start();
});

async function get(path: string, headers: Record<string, string> = {}): Promise<Reply> {
  return await app.server.inject({ url: `/user_avatar/default/${path}.png`, headers });
}

describe('the format', () => {
  it.each([
    ['case 31: a JPEG stays one', 100, 'image/jpeg'],
    ['case 32: a PNG that is said to be a JPEG is a PNG', 101, 'image/png'],
    ['a WebP stays one', 111, 'image/webp'],
    ['an AVIF stays one', 112, 'image/avif'],
  ])('%s, at the address of a PNG', async (_case, id, type) => {
    const reply = await get(`u${id}/96/${id}_2`);
    expect(await see(reply)).toMatchObject({ status: 200, type, cacheControl: YEAR, width: 96 });
    expect(distanceFromCard((await lookAt(reply.rawPayload)).corners)).toBeLessThan(24);
  });

  // Discourse would send a GIF. Still pictures are smaller as PNG, of the same palette.
  it('case 34: of an animation the first frame is shown in the exact size, as PNG', async () => {
    const reply = await get('u105/48/105_2');
    expect(await see(reply)).toMatchObject({ status: 200, type: 'image/png', width: 48 });
    expect(distanceFromCard((await lookAt(reply.rawPayload)).corners)).toBeLessThan(12);
    expect((await sharp(reply.rawPayload).metadata()).pages ?? 1).toBe(1);
  });

  it('case 33: a drawing is passed on as it is, as a download that can do nothing', async () => {
    const { statusCode, headers, body } = await get('u102/48/102_2');
    expect(statusCode).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'image/svg+xml',
      'content-disposition': expect.stringMatching(/^attachment;/),
      'content-security-policy': expect.stringMatching(/(?:^|; )sandbox(?:;|$)/),
      'x-content-type-options': 'nosniff',
      'cache-control': YEAR,
    });
    expect(body).toBe(DRAWING);
  });

  it.each([
    ['with a script', 103],
    ['with a document type', 104],
  ])('case 33: a drawing %s is not shown', async (_what, id) => {
    expect(await see(await get(`u${id}/48/${id}_2`))).toMatchObject({ ...BLANK, width: 48 });
  });
});

describe('the picture', () => {
  it('case 35: is enlarged to the size asked for', async () => {
    const reply = await get('u106/288/106_2');
    const { width, height, corners } = await lookAt(reply.rawPayload);
    expect([width, height]).toEqual([288, 288]);
    expect(distanceFromCard(corners)).toBeLessThan(12);
  });

  it('case 36: is the square in the middle', async () => {
    const { width, height, corners } = await lookAt((await get('u107/96/107_2')).rawPayload);
    expect([width, height]).toEqual([96, 96]);
    // The sides of the original, which are black, are gone.
    expect(distanceFromCard(corners)).toBeLessThan(12);
  });

  it('case 36: is upright, whatever the camera was', async () => {
    const { corners } = await lookAt((await get('u108/96/108_2')).rawPayload);
    expect(distanceFromCard(corners)).toBeLessThan(24);
  });

  it('case 37: keeps what is transparent', async () => {
    const { rawPayload } = await get('u109/48/109_2');
    const { data, info } = await sharp(rawPayload).raw().toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(4);
    const alphaAt = (x: number): number | undefined => data[(24 * info.width + x) * 4 + 3];
    expect([alphaAt(6), alphaAt(42)]).toEqual([0, 255]);
  });
});

describe('every picture', () => {
  it('case 38: sets no cookie, and is the same whoever asks', async () => {
    const paths = ['bob/48/10_2', 'nobody/48/10_2', 'bob/97/10_2'];
    for (const path of paths) {
      const plain = await get(path);
      const known = await get(path, { cookie: '_t=session; theme=2', authorization: 'Basic eA==' });
      expect(known.rawPayload.equals(plain.rawPayload)).toBe(true);
      const { date: _date, 'cache-status': _status, ...headers } = plain.headers;
      expect(known.headers).toMatchObject(headers);
      expect(known.headers).not.toHaveProperty('set-cookie');
      expect(known.headers['vary']).toBeUndefined();
    }
  });

  it.each([
    ['an avatar', 'bob/48/10_2'],
    ['a blank one', 'nobody/48/10_2'],
    ['a drawing', 'u102/48/102_2'],
    ['a redirect to a size', 'bob/97/10_2'],
    ['a redirect to an upload', 'bob/48/9999_2'],
  ])('case 39: may be read by any site: %s', async (_what, path) => {
    expect((await get(path, { host: 'cdn.example.org' })).headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD, OPTIONS',
    });
  });

  it.each(['bob/72/10_2', 'u102/72/102_2', 'nobody/72/10_2', 'bob/97/10', 'bob/48/9999', 'bob/x'])(
    'case 40: has the same headers for HEAD, and no body: %s',
    async (path) => {
      const url = `/user_avatar/default/${path}.png`;
      const head = await app.server.inject({ method: 'HEAD', url });
      const reply = await app.server.inject(url);
      const compared = ({ headers }: Reply): unknown => ({
        ...headers,
        date: undefined,
        'cache-status': undefined,
      });
      expect(head.statusCode).toBe(reply.statusCode);
      expect(compared(head)).toEqual(compared(reply));
      expect(head.rawPayload.byteLength).toBe(0);
    },
  );

  it('is answered 304 to who has it, by tag and by date', async () => {
    const { headers } = await get('bob/48/10_2');
    const byTag = await get('bob/48/10_2', { 'if-none-match': String(headers['etag']) });
    const byDate = await get('bob/48/10_2', {
      'if-modified-since': String(headers['last-modified']),
    });
    for (const reply of [byTag, byDate]) {
      expect(reply.statusCode).toBe(304);
      expect(reply.headers).toMatchObject({ etag: headers['etag'], 'cache-control': YEAR });
    }
  });
});

describe('a picture that cannot be had', () => {
  afterEach(() => forum().s3.proxy.heal());

  it('case 30: an object that is not there is blank, for ten minutes', async () => {
    const { postgres } = forum();
    await postgres.run(insertUpload({ id: 130 }) + insertUser(130, 'u130', 130), 'forum');
    expect(await see(await get('u130/48/130_2'))).toMatchObject({ ...BLANK, width: 48 });
  });

  it('case 30: a refusal of S3 is blank, and the log says what is wrong', async () => {
    forum().s3.proxy.inject(
      {
        kind: 'reply',
        status: 403,
        headers: { 'content-type': 'application/xml' },
        body: '<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>',
      },
      { objectsOnly: true },
    );
    const reply = await get('anna.b-c_d/48/30_2');
    expect(await see(reply)).toMatchObject(BLANK);
    expect(app.lines.at(-1)).toMatchObject({
      level: 50,
      outcome: 'stand_in',
      reason: expect.stringContaining('s3:GetObject'),
    });
    forum().s3.proxy.heal();
    expect(await see(await get('anna.b-c_d/48/30_2'))).toMatchObject(avatar(30, 48));
  });

  it('an original that is no picture is blank', async () => {
    expect(await see(await get('u110/48/110_2'))).toMatchObject({ ...BLANK, width: 48 });
  });

  it('S3 in trouble is no blank picture, which a cache would keep', async () => {
    forum().s3.proxy.inject({ kind: 'reset' });
    expect(await see(await get('L%C3%B6we/48/20_2'))).toMatchObject({
      status: 503,
      cacheControl: 'no-store',
    });
  });

  // Discourse keeps thumbnails and letters in files, which may go while they are sent. There are no
  // files here; what can go is the original, between the look-up and the read.
  it('case 50: an original that has gone since it was looked up is blank', async () => {
    const { s3, postgres, start } = forum();
    const other = await start();
    const url = '/user_avatar/default/bob/48/11_2.png';
    s3.proxy.inject({ kind: 'reset' });
    expect(await see(await other.server.inject(url))).toMatchObject({ status: 503 });
    const lookUps = await postgres.executions('WHERE u.username_lower');

    s3.proxy.heal();
    const body = '<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>';
    s3.proxy.inject({ kind: 'reply', status: 404, body }, { objectsOnly: true });
    expect(await see(await other.server.inject(url))).toMatchObject({ ...BLANK, width: 48 });
    expect(await postgres.executions('WHERE u.username_lower')).toBe(lookUps);
  });

  it('case 51: an upload that failed, without a URL, is blank', async () => {
    expect(await see(await get('u120/48/120_2'))).toMatchObject({ ...BLANK, width: 48 });
  });
});

describe('case 45: a forum that keeps uploads on its disk', () => {
  it('is served from its folder, in every size', async () => {
    const folder = await createFolder({
      [`uploads/default/${storedKey(121)}`]: await pictureOf(121),
    });
    try {
      const local = await forum().start({ AVATAR_ORIGINALS: `file:${folder.directory}` });
      const ask = async (path: string) =>
        await see(await local.server.inject(`/user_avatar/default/${path}.png`));
      expect(await ask('u121/51/121')).toMatchObject(avatar(121, 51));
      expect(await ask('u121/1000/121')).toMatchObject(avatar(121, 1000));
      expect(await ask('u121/1001/121')).toMatchObject(BLANK);
    } finally {
      await folder.remove();
    }
  });
});

/** Two frames, of which the first is the card. */
async function animation(): Promise<Buffer> {
  const first = await card(64, 64).png().toBuffer();
  const second = await card(64, 64).negate().png().toBuffer();
  return await sharp([first, second], { join: { animated: true } })
    .gif({ delay: [100, 100] })
    .toBuffer();
}

/** 300 by 100, with the card in the middle. */
async function wide(): Promise<Buffer> {
  return await card(100, 100)
    .extend({ left: 100, right: 100, background: '#000000' })
    .png()
    .toBuffer();
}

async function turned(): Promise<Buffer> {
  const lying = await card(200, 200).rotate(270).png().toBuffer();
  return await sharp(lying).withMetadata({ orientation: 6 }).jpeg({ quality: 95 }).toBuffer();
}

/** Nothing on the left. */
async function halfTransparent(): Promise<Buffer> {
  return await card(32, 64)
    .ensureAlpha()
    .extend({ left: 32, background: { r: 0, g: 0, b: 0, alpha: 0 } })
    .png()
    .toBuffer();
}
