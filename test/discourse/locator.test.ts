import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createDiscourseLocator,
  type DiscourseLocator,
  type DiscourseLocatorOptions,
} from '../../src/discourse/locator.ts';
import { parseSites } from '../../src/config/sites.ts';
import { singleSite, type Sites } from '../../src/discourse/sites.ts';
import { DEFAULT_SIZES } from '../../src/discourse/sizes.ts';
import {
  discourseSchema,
  insertUpload,
  insertUser,
  PEOPLE,
  storedKey,
} from '../support/discourse-database.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

const HOSTILE_URLS = [
  '',
  '//forum.s3.amazonaws.com/original/1X/../../other/secret.png',
  '/uploads/../../../etc/passwd',
  'file:///etc/passwd',
  '//forum.s3.amazonaws.com/original/1X//a.png',
  '//forum.s3.amazonaws.com/original/1X/a\\..\\b.png',
  'javascript:alert(1)',
];

let server: PostgresServer;
const open: DiscourseLocator[] = [];

beforeAll(async () => {
  server = await startPostgres();
  const hostile = HOSTILE_URLS.map(
    (url, index) =>
      insertUpload({ id: 500 + index, url }) +
      insertUser(500 + index, `hostile${index}`, 500 + index),
  ).join('');
  await server.createDatabase('forum', discourseSchema() + PEOPLE + hostile);
  await server.createDatabase(
    'second',
    discourseSchema({ associatedAvatars: false }) +
      insertUpload({ id: 10, url: '//shared.s3.amazonaws.com/uploads/second/original/1X/b.png' }) +
      insertUser(7, 'Bob', 10) +
      "INSERT INTO site_settings (name, data_type, value) VALUES ('avatar_sizes', 8, '120|24')",
  );
}, 30_000);

afterEach(async () => {
  await Promise.all(open.splice(0).map((locator) => locator.close()));
});

afterAll(async () => {
  await server.stop();
});

function openLocator(options: Partial<DiscourseLocatorOptions> = {}): DiscourseLocator {
  const locator = createDiscourseLocator({
    sites: singleSite(server.url('forum')),
    positiveMs: 300_000,
    negativeMs: 30_000,
    ...options,
  });
  open.push(locator);
  return locator;
}

function twoSites(keyPrefix?: string): Sites {
  const parsed = parseSites(
    JSON.stringify({
      sites: [
        { name: 'first', hosts: ['one.example.org'], database: server.url('forum') },
        { name: 'second', hosts: ['two.example.org'], database: server.url('second'), keyPrefix },
      ],
      default: 'first',
    }),
  );
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.sites;
}

function locate(locator: DiscourseLocator, user: string, id: string, host = 'default') {
  return locator.locate({ host, user, id }, new AbortController().signal);
}

describe('the Discourse locator', () => {
  it.each([
    ['1: the current upload', 'Bob', '10_2', 10],
    ['3: in small letters', 'bob', '10_2', 10],
    ['3: in capitals', 'BOB', '10_2', 10],
    ['4: without a version', 'bob', '10', 10],
    ['5: of an old version', 'bob', '10_1', 10],
    ['6: of version 0', 'bob', '10_0', 10],
    ['9: with junk behind the number', 'bob', '10abc_2', 10],
    ['19: the custom upload', 'bob', '11', 11],
    ['19: the gravatar', 'bob', '12', 12],
    ['22: of a name beyond ASCII', 'LÖWE', '20_2', 20],
    ['24: of a name with a dot and a dash', 'anna.b-c_d', '30_2', 30],
  ])('case %s: is at its key', async (_case, user, id, upload) => {
    expect(await locate(openLocator(), user, id)).toStrictEqual({
      kind: 'at',
      keys: [storedKey(upload)],
      lastModified: new Date('2024-02-29T12:34:56.789Z'),
    });
  });

  it.each([
    ['10: an upload beyond 2^31', '99999999999999_2'],
    ['10: an upload of 2^31', '2147483648_2'],
    ['10: an upload beyond 2^63', '9223372036854775808_2'],
    ['10: an upload of a thousand digits', `${'9'.repeat(1000)}_2`],
    ['16: the upload of another', '9999'],
    ['16: an upload that is not there', '123456'],
  ])('case %s: the client is sent to the current one', async (_case, id) => {
    expect(await locate(openLocator(), 'bob', id)).toStrictEqual({ kind: 'moved', id: '10_2' });
  });

  it('case 23: that holds for a name beyond ASCII', async () => {
    expect(await locate(openLocator(), 'Löwe', '10')).toStrictEqual({ kind: 'moved', id: '20_2' });
  });

  it.each([
    ['7: a version of the future', 'bob', '10_3'],
    ['8: upload 0', 'bob', '0_2'],
    ['8: no upload', 'bob', 'abc'],
    ['20: somebody without an avatar', 'zed', '9999'],
    ['21: nobody', 'nobody', '10'],
    ['a name of 1,000 bytes', 'x'.repeat(1000), '10'],
    ['a name with NUL', 'bob\0', '10'],
    ['a name with half a surrogate pair', 'bob\uD800', '10'],
    ['a name that is SQL', "bob' OR '1'='1' --", '10'],
    ['a name that is a pattern', 'b%', '10'],
    ['a name in another normal form', 'Lo\u0308we', '20'],
  ])('case %s: has no avatar', async (_case, user, id) => {
    expect(await locate(openLocator(), user, id)).toStrictEqual({ kind: 'missing' });
  });

  it.each(HOSTILE_URLS.map((url, index) => [url, index] as const))(
    'case 51: an upload whose URL is %j has no picture',
    async (_url, index) => {
      expect(await locate(openLocator(), `hostile${index}`, `${500 + index}`)).toStrictEqual({
        kind: 'missing',
      });
    },
  );

  it('case 27: takes an unknown host for the default site', async () => {
    const locator = openLocator({ sites: twoSites() });
    expect(await locate(locator, 'bob', '11', 'unknown.example.org')).toMatchObject({ kind: 'at' });
    expect(locator.siteOf('unknown.example.org')).toBe('first');
    expect(locator.siteOf('two.example.org')).toBe('second');
  });

  it('case 28: never gives one site the answer of another', async () => {
    const locator = openLocator({ sites: twoSites() });
    const hosts = ['one.example.org', 'two.example.org'];
    for (let round = 0; round < 2; round += 1) {
      const answers = await Promise.all(hosts.map((host) => locate(locator, 'bob', '10', host)));
      expect(answers).toMatchObject([
        { keys: [storedKey(10)] },
        { keys: ['uploads/second/original/1X/b.png'] },
      ]);
    }
    expect(await locate(locator, 'bob', '11', 'two.example.org')).toMatchObject({ kind: 'moved' });
  });

  it('reads a site with a prefix of its own below that alone', async () => {
    const locator = openLocator({ sites: twoSites('forums/second') });
    expect(await locate(locator, 'bob', '10', 'two.example.org')).toMatchObject({
      keys: ['forums/second/original/1X/b.png'],
    });
  });
});

describe('asking the database', () => {
  const ASKED = 'WHERE u.username_lower';

  it('happens once for 1,000 requests of 20 sizes of one user', async () => {
    const locator = openLocator();
    const before = await server.executions(ASKED);
    const requests = Array.from({ length: 500 }, (_, n) => n);
    const first = await Promise.all(requests.map(() => locate(locator, 'bob', '10_2')));
    const ids = ['10', '10_1', '10_2'];
    const second = await Promise.all(
      requests.map((n) => locate(locator, n % 2 === 0 ? 'Bob' : 'BOB', ids[n % 3] ?? '10')),
    );
    expect(new Set([...first, ...second].map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect((await server.executions(ASKED)) - before).toBe(1);
  });

  it('happens once for all ids beyond the column, and never for what nobody can have', async () => {
    const locator = openLocator();
    const before = await server.executions(ASKED);
    for (let n = 0; n < 20; n += 1) {
      await locate(locator, 'bob', `9999999999${n}`);
      await locate(locator, 'bob', `-${n}`);
      await locate(locator, 'bob', `10_${n + 3}`);
      await locate(locator, `${'x'.repeat(61)}${n}`, '10');
    }
    expect((await server.executions(ASKED)) - before).toBe(1);
  });

  it('happens again when an answer is no longer fresh, sooner for who has no avatar', async () => {
    const locator = openLocator({ positiveMs: 60_000, negativeMs: 0 });
    await server.run(insertUser(600, 'late'), 'forum');
    expect(await locate(locator, 'late', '40')).toStrictEqual({ kind: 'missing' });
    expect(await locate(locator, 'bob', '40')).toMatchObject({ kind: 'moved' });
    await server.run(
      'INSERT INTO user_avatars (user_id, custom_upload_id) VALUES (600, 40), (1, 40)',
      'forum',
    );
    expect(await locate(locator, 'late', '40')).toMatchObject({ kind: 'at' });
    // That another upload is the current one is not believed for long, however long an avatar is.
    await expect
      .poll(() => locate(locator, 'bob', '40'), { timeout: 10_000 })
      .toMatchObject({ kind: 'at' });
    await server.run('DELETE FROM user_avatars WHERE custom_upload_id = 40', 'forum');
    expect(await locate(locator, 'bob', '40')).toMatchObject({ kind: 'at' });
  });

  it('is not given up for others when one who waits goes away', async () => {
    const locator = openLocator();
    const leaving = new AbortController();
    const request = { host: 'default', user: 'bob', id: '10' };
    const left = locator.locate(request, leaving.signal);
    const stayed = locate(locator, 'bob', '10');
    leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    await expect(locator.locate(request, leaving.signal)).rejects.toThrow('gone');
    expect(await stayed).toMatchObject({ kind: 'at' });
  });
});

describe('the sizes of a forum', () => {
  it('case 44: are those of its setting, else Discourse’s own', async () => {
    const locator = openLocator({ sites: twoSites() });
    expect(await locator.sizesOf('two.example.org')).toStrictEqual([120, 24]);
    expect(await locator.sizesOf('one.example.org')).toStrictEqual(DEFAULT_SIZES);
  });

  it('are asked for once in a while', async () => {
    const locator = openLocator();
    const before = await server.executions('site_settings');
    await Promise.all(Array.from({ length: 100 }, () => locator.sizesOf('default')));
    await locator.sizesOf('default');
    expect((await server.executions('site_settings')) - before).toBe(1);
  });
});
