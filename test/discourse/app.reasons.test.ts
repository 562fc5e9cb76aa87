/** The same blank picture for all: what was the matter is in the log alone. */
import { expect, it } from 'vitest';
import { storedKey } from '../support/discourse-database.ts';
import { BLANK, see, storeOf, useForum } from './fixture.ts';

const forum = useForum();

it.each([
  ['a user there is not', 'nemo/48/10_2', 'the locator knows no such user or picture'],
  ['a size of nobody', 'bob/1001/10_2', 'a user, size or version that nobody can have'],
  ['a version of nobody', 'bob/48/10_7', 'a user, size or version that nobody can have'],
])('tells of %s', async (_what, path, reason) => {
  const app = await forum().start();
  const reply = await app.server.inject(`/user_avatar/default/${path}.png`);
  expect(await see(reply)).toMatchObject(BLANK);
  const lines = app.lines.filter(({ outcome }) => outcome === 'stand_in');
  expect(lines).toMatchObject([{ level: 30, status: 200, code: 'avatar_missing', reason }]);
});

it('tells under which keys an upload of the database is not in the store', async () => {
  const { s3, bucket, start } = forum();
  const app = await start({ AVATAR_ORIGINALS: storeOf(s3, `${bucket}/wrong`) });
  for (const size of [48, 96]) {
    // The second time it is remembered.
    const reply = await app.server.inject(`/user_avatar/default/bob/${size}/10_2.png`);
    expect(await see(reply)).toMatchObject(BLANK);
  }
  const lines = app.lines.filter(({ outcome }) => outcome === 'stand_in');
  const reason = expect.stringMatching(`^no store has .*${storedKey(10)}`);
  const line = { level: 30, status: 200, code: 'avatar_missing', reason };
  expect(lines).toMatchObject([line, line]);
});
