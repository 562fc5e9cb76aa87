/** The database goes, and S3 with it: what is still shown, and how it comes back. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { insertUpload, insertUser, storedKey } from '../support/discourse-database.ts';
import { avatar, BLANK, elsewhere, type Reply, see, type Seen, useForum } from './fixture.ts';

/** In a row, as of another owner: after these the store is taken to be broken. */
const REFUSED = [501, 502, 503, 504];
const READABLE = Array.from({ length: 10 }, (_, n) => 510 + n);

const ALL = [...REFUSED, ...READABLE];
const forum = useForum(
  ALL.map((id) => insertUpload({ id }) + insertUser(id, `user${id}`, id)).join(''),
  ALL,
);
let app: TestApp;

beforeAll(async () => {
  app = await forum().start();
});

afterEach(() => forum().s3.proxy.heal());

async function get(path: string, on = app): Promise<Reply> {
  return await on.server.inject(`/user_avatar/default/${path}.png`);
}

async function ask(path: string, on = app): Promise<Seen> {
  return await see(await get(path, on));
}

const BOB = 'bob/48/10_2';

describe('a database that is down', () => {
  it('stops nothing that is known, refuses the rest for a while, and heals by itself', async () => {
    const { postgres, s3 } = forum();
    expect(await ask(BOB)).toMatchObject(avatar(10, 48));
    expect(await ask('zed/48/10_2')).toMatchObject(BLANK);
    await postgres.kill();
    try {
      expect(await ask(BOB)).toMatchObject(avatar(10, 48));
      expect(await ask('BOB/48/10')).toMatchObject(avatar(10, 48));
      expect(await ask('bob/96/10_2')).toMatchObject(avatar(10, 96));
      expect(await ask('bob/97/10_2')).toMatchObject(
        elsewhere('/user_avatar/default/bob/96/10_2.png'),
      );
      expect(await ask('zed/96/10_2')).toMatchObject(BLANK);
      expect(await ask('anybody/48/0_2')).toMatchObject(BLANK);

      const refused = await get('anna.b-c_d/48/30_2');
      expect(refused.statusCode).toBe(503);
      expect(refused.headers).toMatchObject({
        'cache-control': 'no-store',
        'content-type': 'application/problem+json',
        'retry-after': expect.stringMatching(/^[1-9]\d*$/),
      });
      expect(refused.json()).toMatchObject({ code: 'directory_unavailable' });
      expect(refused.body).not.toMatch(/127\.0\.0\.1|postgres|ECONN/);
      expect(app.lines.some(({ msg }) => msg === 'the database is in trouble')).toBe(true);

      // And now S3 too.
      s3.proxy.inject({ kind: 'reset' });
      const held = await get(BOB);
      expect(await see(held)).toMatchObject(avatar(10, 48));
      const headers = { 'if-none-match': String(held.headers['etag']) };
      const url = '/user_avatar/default/bob/48/10_2.png';
      expect((await app.server.inject({ url, headers })).statusCode).toBe(304);
      expect((await app.server.inject({ method: 'HEAD', url })).statusCode).toBe(200);
      expect(await ask('bob/48/12_2')).toMatchObject({ status: 503, cacheControl: 'no-store' });
      expect((await app.server.inject('/letter_avatar/bob/48/5_0.png')).statusCode).toBe(200);
    } finally {
      s3.proxy.heal();
      await postgres.restart();
    }
    await expect
      .poll(() => ask('anna.b-c_d/48/30_2'), { timeout: 10_000 })
      .toMatchObject(avatar(30, 48));
    expect(await ask('bob/48/12_2')).toMatchObject(avatar(12, 48));
  });

  it('may be down at the start: then letters are shown, and avatars once it is up', async () => {
    const { postgres, start } = forum();
    await postgres.kill();
    let early: TestApp;
    try {
      early = await start();
      expect(await ask(BOB, early)).toMatchObject({ status: 503, cacheControl: 'no-store' });
      expect((await early.server.inject('/letter_avatar/bob/48/5_0.png')).statusCode).toBe(200);
    } finally {
      await postgres.restart();
    }
    await expect.poll(() => ask(BOB, early), { timeout: 10_000 }).toMatchObject(avatar(10, 48));
  });

  it('sends nobody to another size while it is not known which sizes the forum has', async () => {
    const { postgres, start } = forum();
    await postgres.run(
      "INSERT INTO site_settings (name, data_type, value) VALUES ('avatar_sizes', 8, '45|90')",
      'forum',
    );
    await postgres.kill();
    let early: TestApp;
    try {
      early = await start();
      for (const size of [45, 48, 97]) {
        expect(await ask(`bob/${size}/10_2`, early)).toMatchObject({
          status: 503,
          cacheControl: 'no-store',
        });
      }
    } finally {
      await postgres.restart();
    }
    await expect
      .poll(() => ask('bob/45/10_2', early), { timeout: 10_000 })
      .toMatchObject(avatar(10, 45));
    expect(await ask('bob/48/10_2', early)).toMatchObject(
      elsewhere('/user_avatar/default/bob/45/10_2.png'),
    );
    await postgres.run("DELETE FROM site_settings WHERE name = 'avatar_sizes'", 'forum');
  });
});

describe('a database that hangs', () => {
  it('makes nobody wait for what is in memory, however old the answers are', async () => {
    const { postgres, start } = forum();
    const hasty = await start({ AVATAR_FOUND_SECONDS: '1' });
    expect(await ask(BOB, hasty)).toMatchObject(avatar(10, 48));
    await postgres.freeze();
    try {
      await new Promise((resolve) => {
        setTimeout(resolve, 1100);
      });
      const order: string[] = [];
      const unknown = ask('anna.b-c_d/48/30_2', hasty).finally(() => order.push('unknown'));
      const held = ask(BOB, hasty).finally(() => order.push('held'));
      expect(await held).toMatchObject(avatar(10, 48));
      expect(order).toEqual(['held']);
      expect(await unknown).toMatchObject({ status: 503, cacheControl: 'no-store' });
    } finally {
      postgres.thaw();
    }
    await expect
      .poll(() => ask('anna.b-c_d/48/30_2', hasty), { timeout: 10_000 })
      .toMatchObject(avatar(30, 48));
  });
});

describe('objects that may not be read', () => {
  it('are shown as the blank, and nobody else is, for longer than it lasts', async () => {
    const { s3, start } = forum();
    // One that knows of no trouble yet.
    const another = await start();
    const isOf = (ids: readonly number[], url = ''): boolean =>
      ids.some((id) => url.includes(storedKey(id)));
    s3.proxy.inject({ kind: 'late', delayMs: 500 }, { objectsOnly: true });
    const body = '<Error><Code>AccessDenied</Code></Error>';
    s3.proxy.inject(
      { kind: 'reply', status: 403, body },
      { objectsOnly: true, unless: ({ url }) => !isOf(REFUSED, url) },
    );
    for (const id of REFUSED) {
      expect(await ask(`user${id}/48/${id}_2`, another)).toMatchObject(BLANK);
    }
    const seen = await Promise.all(READABLE.map((id) => ask(`user${id}/48/${id}_2`, another)));
    const refused = { status: 503, cacheControl: 'no-store' };
    const isShown = seen.map(({ status }) => status === 200);
    expect(seen).toMatchObject(
      READABLE.map((id, index) => (isShown[index] === true ? avatar(id, 48) : refused)),
    );
    // There were more than may wait for a broken store.
    expect(isShown).toContain(false);
    s3.proxy.heal();
    for (const id of READABLE) {
      expect(await ask(`user${id}/48/${id}_2`, another)).toMatchObject(avatar(id, 48));
    }
  });
});
