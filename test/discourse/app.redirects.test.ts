/** Where clients are sent: cases 11 to 16, 22, 23, 25, 26, 29 and 44 of Discourse's ways. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { insertUpload, insertUser } from '../support/discourse-database.ts';
import { avatar, BLANK, CDN, elsewhere, see, type Seen, useForum } from './fixture.ts';

// Seeded users have uploads below 0, and one current upload's row is gone. Carol changes hers.
const ODD = [
  insertUpload({ id: 70 }),
  insertUpload({ id: 71 }),
  insertUser(70, 'carol', 71),
  insertUpload({ id: -5 }),
  insertUser(60, 'system', -5),
  insertUser(61, 'deleted', 77_777),
].join('');

const forum = useForum(ODD, [70, 71]);
let app: TestApp;

beforeAll(async () => {
  app = await forum().start();
});

/** @param path what follows the host: `bob/48/10_2` */
async function ask(path: string, on = app): Promise<Seen> {
  return await see(await on.server.inject(`/user_avatar/forum.example.org/${path}.png`));
}

/** To this path, in the place of what `ask` has. */
function to(path: string): ReturnType<typeof elsewhere> {
  return elsewhere(`/user_avatar/forum.example.org/${path}.png`);
}

describe('a size the forum does not show', () => {
  it.each([
    ['case 11', 'bob/97/10', 'bob/96/10_2'],
    ['case 12: a tie goes low', 'bob/36/10', 'bob/24/10_2'],
    ['case 12: a tie goes low', 'bob/60/10', 'bob/48/10_2'],
    ['case 12: a tie goes low', 'bob/120/10', 'bob/96/10_2'],
    ['case 12: a tie goes low', 'bob/216/10', 'bob/144/10_2'],
    ['case 13', 'bob/1000/10', 'bob/288/10_2'],
    ['case 14', 'bob/8/10', 'bob/24/10_2'],
    ['case 15: before it is asked whose the upload is', 'bob/97/9999', 'bob/96/9999_2'],
    ['case 22: the name in small letters, encoded', 'L%C3%B6we/97/20', 'l%C3%B6we/96/20_2'],
    ['leading zeros are none of a size', 'bob/0097/10', 'bob/96/10_2'],
    ['however many', `bob/${'0'.repeat(40)}97/10`, 'bob/96/10_2'],
  ])('%s: %s is sent to %s', async (_case, path, target) => {
    expect(await ask(path)).toMatchObject(to(target));
  });

  it.each([
    ['case 13', 'bob/1001/10', 360],
    ['case 13', `bob/${'9'.repeat(30)}/10`, 360],
    ['case 14', 'bob/7/10', 8],
    ['case 14', 'bob/0/10', 8],
  ])('%s: %s is out of range and blank', async (_case, path, size) => {
    expect(await ask(path)).toMatchObject({ ...BLANK, width: size, height: size });
  });

  // Discourse looks for the user first. Here a redirect costs no question to the database, and the
  // client sees the same picture in the end.
  it('case 13, in another order: is sent to the nearest even for who has no avatar', async () => {
    expect(await ask('nobody/97/10')).toMatchObject(to('nobody/96/10_2'));
    expect(await ask('nobody/96/10_2')).toMatchObject(BLANK);
  });
});

describe('an upload that is not theirs', () => {
  it.each([
    ['case 15', 'bob/96/9999_2', 'bob/96/10_2'],
    ['case 16', 'bob/48/9999', 'bob/48/10_2'],
    ['case 23', 'L%C3%B6we/48/10', 'l%C3%B6we/48/20_2'],
  ])('%s: %s is sent to %s', async (_case, path, target) => {
    expect(await ask(path)).toMatchObject(to(target));
  });

  it.each(['system/48/10', 'system/48/-5_2', 'deleted/48/77777', 'deleted/48/10'])(
    'sends nobody round in circles where the current one cannot be shown: %s is blank',
    async (path) => {
      expect(await ask(path)).toMatchObject(BLANK);
    },
  );
});

describe('who goes back to a former picture', () => {
  it('is shown by it, though it was held that it is no longer theirs', async () => {
    expect(await ask('carol/48/70_2')).toMatchObject(to('carol/48/71_2'));
    await forum().postgres.run('UPDATE users SET uploaded_avatar_id = 70 WHERE id = 70', 'forum');
    expect(await ask('carol/48/71_2')).toMatchObject(to('carol/48/70_2'));
    expect(await ask('carol/48/70_2')).toMatchObject(avatar(70, 48));
  });
});

describe('the target', () => {
  it('is an avatar; a redirect holds for an hour to a size, and for now to an upload', async () => {
    const { location, cacheControl } = await ask('bob/97/9999');
    expect(cacheControl).toBe('public, max-age=3600');
    const second = await see(await app.server.inject((location ?? '').replace(CDN, '')));
    expect(second.cacheControl).toBe('no-cache');
    const third = await see(await app.server.inject((second.location ?? '').replace(CDN, '')));
    expect(third).toMatchObject(avatar(10, 96));
  });

  it('case 25: is on the host that was asked where there is no CDN', async () => {
    const { AVATAR_CDN_URL: _, ...variables } = forum().variables;
    const plain = await forum().start({ ...variables, AVATAR_CDN_URL: '' });
    for (const path of ['bob/97/10', 'bob/96/9999']) {
      expect(await ask(path, plain)).toMatchObject({
        status: 302,
        location: expect.stringMatching(/^\/user_avatar\/forum\.example\.org\/bob\/96\//),
      });
    }
  });

  it('case 26: keeps the folder of the forum', async () => {
    const inFolder = await forum().start({ AVATAR_BASE_PATH: '/forum' });
    const path = '/forum/user_avatar/forum.example.org/bob';
    const get = async (url: string): Promise<Seen> => await see(await inFolder.server.inject(url));
    expect(await get(`${path}/97/10.png`)).toMatchObject(elsewhere(`${path}/96/10_2.png`));
    expect(await get(`${path}/96/9999.png`)).toMatchObject(elsewhere(`${path}/96/10_2.png`));
    expect(await get(`${path}/96/10_2.png`)).toMatchObject(avatar(10, 96));
    expect(await get(path.replace('/forum/', '/'))).toMatchObject({ status: 404 });
    expect(await get('/forum/letter_avatar_proxy/v4/letter/a/aaaaaa/48.png')).toMatchObject({
      status: 200,
    });
  });

  // Discourse can redirect to the thumbnails it has in S3 (`redirect_avatar_requests`). This service
  // stands in for those thumbnails: there is nothing to send anybody to, so the picture is the answer.
  it('case 29: is never a thumbnail of the store', async () => {
    expect(await ask('bob/48/10_2')).toMatchObject({ ...avatar(10, 48), location: undefined });
  });
});

describe('case 44: the sizes of the forum', () => {
  const changeSizes = async (value: string): Promise<unknown> =>
    await forum().postgres.run(
      `DELETE FROM site_settings WHERE name = 'avatar_sizes';
       INSERT INTO site_settings (name, data_type, value) VALUES ('avatar_sizes', 8, '${value}')`,
      'forum',
    );

  it('are those of its setting, and a change of it is seen without a restart', async () => {
    await changeSizes('48|24|97');
    const other = await forum().start({ AVATAR_FOUND_SECONDS: '1' });
    expect(await ask('bob/97/10', other)).toMatchObject(avatar(10, 97));
    expect(await ask('bob/1000/10', other)).toMatchObject(to('bob/97/10_2'));
    expect(await ask('bob/8/10', other)).toMatchObject(to('bob/24/10_2'));
    // A tie goes to whichever the setting has first.
    expect(await ask('bob/36/10', other)).toMatchObject(to('bob/48/10_2'));
    await changeSizes('20|500');
    await expect
      .poll(() => ask('bob/97/10', other), { timeout: 10_000 })
      .toMatchObject(to('bob/20/10_2'));
    expect(await ask('bob/500/10', other)).toMatchObject(avatar(10, 500));
  });

  it('are overruled by those of the configuration, and then the database is not asked', async () => {
    const other = await forum().start({ AVATAR_SIZES: '30 40' });
    const before = await forum().postgres.executions('site_settings');
    expect(await ask('bob/97/10', other)).toMatchObject(to('bob/40/10_2'));
    expect(await ask('bob/30/10', other)).toMatchObject(avatar(10, 30));
    expect(await forum().postgres.executions('site_settings')).toBe(before);
  });
});
