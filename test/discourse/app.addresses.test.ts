/** Which addresses mean which avatar: cases 1 to 10, 16 to 21, 24, 27 and 41 of Discourse's ways. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { insertUpload, insertUser } from '../support/discourse-database.ts';
import { avatar, BLANK, elsewhere, see, type Seen, useForum } from './fixture.ts';

const PROVIDED = [
  ...[50, 51, 52].map((id) => insertUpload({ id })),
  insertUser(50, 'linked', 51),
  insertUser(51, 'stranger', 52),
  `INSERT INTO user_associated_accounts (provider_name, provider_uid, user_id, avatar_upload_id)
   VALUES ('google', '1', 50, 50), ('google', '2', 51, 52);\n`,
].join('');

const forum = useForum(PROVIDED, [50, 51, 52]);
let app: TestApp;

beforeAll(async () => {
  app = await forum().start();
});

/** @param path what follows the host: `bob/48/10_2` */
async function ask(path: string, host = 'forum.example.org'): Promise<Seen> {
  return await see(await app.server.inject(`/user_avatar/${host}/${path}.png`));
}

describe('an address of the current avatar', () => {
  it('case 1: gives it in its size, for a year', async () => {
    expect(await ask('Bob/48/10_2')).toMatchObject(avatar(10, 48));
  });

  it('case 2: dates it by its upload', async () => {
    const { lastModified } = await ask('Bob/48/10_2');
    expect(lastModified).toBe('Thu, 29 Feb 2024 12:34:56 GMT');
  });

  it('case 3: means the same in any letter case, without a redirect', async () => {
    const replies = await Promise.all(
      ['Bob', 'bob', 'BOB'].map((name) =>
        app.server.inject(`/user_avatar/forum.example.org/${name}/48/10_2.png`),
      ),
    );
    expect(replies.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
    const [first, ...others] = replies.map(({ rawPayload }) => rawPayload.toString('base64'));
    expect(others).toEqual([first, first]);
  });

  it.each([
    ['case 4: without a version', 'bob/48/10'],
    ['case 5: of an old version', 'bob/48/10_1'],
    ['case 6: of version 0', 'bob/48/10_0'],
    ['case 9: with junk behind the number', 'bob/48/10abc_2'],
  ])('%s gives it too', async (_case, path) => {
    expect(await ask(path)).toMatchObject(avatar(10, 48));
  });

  it.each([
    ['a dot, a dash and an underscore', 'anna.b-c_d', 30],
    ['capitals beyond ASCII', 'L%C3%96WE', 20],
    ['letters beyond ASCII', 'l%c3%b6we', 20],
  ])('case 24: may have a name with %s', async (_what, name, upload) => {
    expect(await ask(`${name}/48/${upload}_2`)).toMatchObject(avatar(upload, 48));
  });

  it('case 27: means the one forum there is, whatever the host', async () => {
    for (const host of ['default', 'unknown.example.com', 'FORUM.example.org', 'a..b_c-']) {
      expect(await ask('bob/48/10_2', host)).toMatchObject(avatar(10, 48));
    }
  });

  it('means nothing else by its query', async () => {
    const url = '/user_avatar/default/bob/48/10_2.png?version=11&size=96';
    expect(await see(await app.server.inject(url))).toMatchObject(avatar(10, 48));
  });
});

describe('an address of another upload', () => {
  it.each([
    ['above 2^31', '2147483648_2'],
    ['of fourteen digits', '99999999999999_2'],
    ['above 2^63', '9223372036854775808_2'],
    ['of 200 digits', `${'9'.repeat(200)}_2`],
  ])('case 10: with a number %s sends to the current one', async (_what, id) => {
    expect(await ask(`bob/48/${id}`)).toMatchObject(
      elsewhere(`/user_avatar/forum.example.org/bob/48/10_2.png`),
    );
  });

  it.each([
    ['case 16: that is not theirs', 'bob/48/9999', 'bob/48/10_2'],
    ['case 16: that does not exist', 'bob/48/123456_2', 'bob/48/10_2'],
    ['case 17: that another has from a log-in provider', 'bob/48/52_2', 'bob/48/10_2'],
  ])('%s sends to the current one', async (_case, path, target) => {
    expect(await ask(path)).toMatchObject(
      elsewhere(`/user_avatar/forum.example.org/${target}.png`),
    );
  });

  it.each([
    ['case 18: from their own log-in provider', 'linked', 50],
    ['case 19: they uploaded once', 'bob', 11],
    ['case 19: from their Gravatar', 'bob', 12],
  ])('%s gives that one', async (_case, name, upload) => {
    expect(await ask(`${name}/48/${upload}_2`)).toMatchObject(avatar(upload, 48));
  });
});

describe('an address without an avatar', () => {
  it.each([
    ['case 7: of a version to come', 'bob/48/10_3'],
    ['case 8: of upload 0', 'bob/48/0_2'],
    ['case 8: of no number', 'bob/48/abc'],
    ['case 8: of a negative number', 'bob/48/-10_2'],
    ['case 20: of somebody who has none', 'zed/48/9999'],
    ['case 21: of nobody', 'nobody/48/10'],
    ['case 21: of a name in another normal form', 'Lo%CC%88we/48/20_2'],
  ])('%s gives the blank picture', async (_case, path) => {
    expect(await ask(path)).toMatchObject({ ...BLANK, width: 48, height: 48 });
  });
});

describe('what is no address', () => {
  it.each([
    ['a size that is no number', '/user_avatar/default/bob/big/10_2.png'],
    ['a negative size', '/user_avatar/default/bob/-48/10_2.png'],
    ['.jpg', '/user_avatar/default/bob/48/10_2.jpg'],
    ['.PNG', '/user_avatar/default/bob/48/10_2.PNG'],
    ['no .png', '/user_avatar/default/bob/48/10_2'],
    ['a dot within the version', '/user_avatar/default/bob/48/10.2.png'],
    ['no version', '/user_avatar/default/bob/48/.png'],
    ['no host', '/user_avatar/bob/48/10_2.png'],
    ['a segment too many', '/user_avatar/default/bob/48/10_2.png/x.png'],
    ['a quote in the name', "/user_avatar/default/b'ob/48/10_2.png"],
    ['the prefix alone', '/user_avatar/'],
  ])('case 41: %s is answered 404', async (_what, url) => {
    expect(await see(await app.server.inject(url))).toMatchObject({
      status: 404,
      type: 'application/problem+json',
      cacheControl: 'public, max-age=600',
    });
  });
});
