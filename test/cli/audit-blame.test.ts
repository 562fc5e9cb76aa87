/** Whom `audit` blames: avatars for what is theirs, and nobody for an outage. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { createFolder } from '../support/app.ts';
import { card } from '../support/cards.ts';
import { linesOf, type Ran, runCommand } from '../support/commands.ts';
import {
  discourseSchema,
  insertUpload,
  insertUser,
  storedKey,
} from '../support/discourse-database.ts';
import { startPostgres } from '../support/postgres.ts';
import { connectS3, type TestS3 } from '../support/s3-server.ts';

const REFUSAL = {
  kind: 'reply',
  status: 403,
  body: '<Error><Code>InvalidAccessKeyId</Code></Error>',
} as const;

let s3: TestS3;
let folder: string;
let picture: Buffer;

beforeAll(async () => {
  s3 = await connectS3(inject('s3'));
  process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
  folder = await mkdtemp(join(tmpdir(), 'avatar-blame-'));
  picture = await card(8, 8).png().toBuffer();
});

afterEach(() => s3.proxy.heal());

afterAll(async () => {
  await s3.stop();
  await rm(folder, { recursive: true, force: true });
});

async function bucketOf(name: string, keys: readonly string[]): Promise<Record<string, string>> {
  const bucket = await s3.createBucket(name);
  await Promise.all(keys.map((key) => s3.put(bucket, key, picture)));
  return { AVATAR_ORIGINALS: `s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}` };
}

function audit(name: string, variables: Record<string, string>, ...args: string[]): Promise<Ran> {
  return runCommand(['audit', '--json', '--csv', fileOf(name), ...args], variables);
}

function fileOf(name: string): string {
  return join(folder, `${name}.csv`);
}

/** Without the head. */
function rowsOf(name: string): string[] {
  return readFileSync(fileOf(name), 'utf8').trimEnd().split('\r\n').slice(1);
}

describe('an outage of the originals', () => {
  it.each([
    ['many', 24, []],
    ['few', 3, []],
    ['one', 3, ['--user', 'user1']],
  ])('is blamed on nobody, be it of %s, with other keys between', async (name, users, args) => {
    const numbers = Array.from({ length: users }, (_, user) => user);
    const keys = numbers.flatMap((user) => [`a.org/user${user}/1`, `a.org/user${user}/-`]);
    const variables = await bucketOf(name, keys);
    s3.proxy.inject(REFUSAL, { objectsOnly: true });
    const stopped = await audit(name, variables, ...args);
    expect(stopped.code).toBe(2);
    expect(stopped.remarks).toMatch(/^no answer for user\d \(1\): .*AWS_ACCESS_KEY_ID/m);
    expect(rowsOf(name)).toEqual([]);

    s3.proxy.heal();
    const ran = await audit(name, variables, ...args);
    expect(ran.code).toBe(0);
    const checked = args.length === 0 ? users : 1;
    // What is no avatar is nobody's, whoever is selected.
    expect(linesOf(ran).at(-1)).toMatchObject({ checked, broken: 0, passedOver: users });
  });

  it('is blamed on nobody, though users without an upload lie between', async () => {
    const postgres = await startPostgres();
    try {
      const ids = Array.from({ length: 44 }, (_, index) => index + 1);
      const withUpload = ids.filter((id) => id % 2 === 1);
      const sql = [
        ...withUpload.map((id) => insertUpload({ id })),
        ...ids.map((id) => insertUser(id, `user${id}`, id)),
      ];
      const variables = {
        ...(await bucketOf(
          'forum',
          withUpload.map((id) => storedKey(id)),
        )),
        AVATAR_LOCATOR: 'discourse',
        AVATAR_DISCOURSE_URL: await postgres.createDatabase(
          'forum',
          discourseSchema() + sql.join(''),
        ),
      };
      s3.proxy.inject(REFUSAL, { objectsOnly: true });
      expect(await audit('forum', variables)).toMatchObject({ code: 2 });
      expect(rowsOf('forum')).toEqual([]);
      s3.proxy.heal();
      const ran = await audit('forum', variables);
      const causes = { avatar_missing: 22 };
      expect(linesOf(ran).at(-1)).toMatchObject({ checked: 44, broken: 22, causes });
    } finally {
      await postgres.stop();
    }
  }, 60_000);

  it.each([
    [
      'asks for less',
      { status: 503, body: '<Error><Code>SlowDown</Code></Error>' },
      /asks for less/,
    ],
    ['knows the credentials no more', REFUSAL, /AWS_ACCESS_KEY_ID/],
  ])(
    'is blamed on nobody, though others are answered, where the server %s',
    async (what, reply, says) => {
      const name = what.replaceAll(' ', '-');
      const variables = await bucketOf(name, ['a.org/amy/1', 'a.org/bob/1', 'a.org/eve/1']);
      s3.proxy.inject(
        { ...reply, kind: 'reply' },
        { objectsOnly: true, unless: ({ url = '' }) => !url.includes('/bob/') },
      );
      const stopped = await audit(name, variables);
      expect(stopped.code).toBe(2);
      expect(stopped.remarks).toMatch(/^no answer for bob \(1\): /m);
      expect(stopped.remarks).toMatch(says);
      expect(rowsOf(name)).toEqual([]);

      s3.proxy.heal();
      const ran = await audit(name, variables);
      expect(linesOf(ran)[0]).toMatchObject({ event: 'begin', checked: 1 });
      expect(ran.code).toBe(0);
      expect(linesOf(ran).at(-1)).toMatchObject({ checked: 3, broken: 0 });
    },
    60_000,
  );

  it('is told from the trouble of one object, when those after it are answered', async () => {
    const variables = await bucketOf('refused', ['a.org/amy/1', 'a.org/bob/1', 'a.org/eve/1']);
    const body = '<Error><Code>AccessDenied</Code></Error>';
    s3.proxy.inject({ ...REFUSAL, body }, { unless: ({ url = '' }) => !url.includes('/bob/') });
    const ran = await audit('refused', variables);
    expect(ran.code).toBe(1);
    expect(rowsOf('refused')).toEqual([
      expect.stringMatching(/^a\.org,bob,1,originals_access_denied,/),
    ]);
  });
});

describe('objects that may not be read', () => {
  const USERS = Array.from({ length: 50 }, (_, user) => `user${user + 10}`);

  it.each([
    ['in the middle', 15, 40],
    ['at the beginning', 0, 25],
    ['at the end', 49, 50],
  ])('are told from an outage, however many are neighbours %s', async (_where, from, to) => {
    const name = `neighbours-${from}`;
    const refused = USERS.slice(from, to);
    const variables = await bucketOf(
      name,
      USERS.map((user) => `a.org/${user}/1`),
    );
    const body = '<Error><Code>InvalidObjectState</Code></Error>';
    s3.proxy.inject(
      { ...REFUSAL, body },
      { objectsOnly: true, unless: ({ url = '' }) => !refused.some((user) => url.includes(user)) },
    );
    const ran = await audit(name, variables);
    expect(ran.code).toBe(1);
    const broken = refused.length;
    const causes = { originals_access_denied: broken };
    expect(linesOf(ran).at(-1)).toMatchObject({ checked: 50, broken, causes });
    expect(rowsOf(name).map((row) => row.split(',', 4))).toEqual(
      refused.map((user) => ['a.org', user, '1', 'originals_access_denied']),
    );
    expect(rowsOf(name)[0]).toContain('archived: restore it');
  });

  it('are nobody’s, where they are answered when they are asked for again', async () => {
    const variables = await bucketOf(
      'again',
      USERS.map((user) => `a.org/${user}/1`),
    );
    const body = '<Error><Code>InvalidObjectState</Code></Error>';
    s3.proxy.inject({ ...REFUSAL, body }, { objectsOnly: true, times: 20 });
    const ran = await audit('again', variables);
    expect(ran.code).toBe(0);
    expect(linesOf(ran).at(-1)).toMatchObject({ checked: 50, broken: 0 });
  });
});

describe('an avatar with several keys', () => {
  it('is broken when the first that is there is, and counts once', async () => {
    const nothing = Buffer.from('nothing');
    const originals = await createFolder({
      // In the order of keys what requests get last comes first.
      'b/a.org/amy/1': picture,
      'a/a.org/amy/1': nothing,
      'b/a.org/bob/1': nothing,
      'a/a.org/bob/1': picture,
      'a/a.org/eve/1': nothing,
      'b/a.org/huge/1': Buffer.alloc(1024 * 1024 + 1),
      'a/a.org/huge/1': picture,
    });
    const ran = await audit('keys', {
      AVATAR_LOCATOR: 'template:b/{host}/{user}/{id}|a/{host}/{user}/{id}',
      AVATAR_ORIGINALS: `file:${originals.directory}`,
      AVATAR_MAX_ORIGINAL_MB: '1',
    });
    await originals.remove();
    expect(linesOf(ran).at(-1)).toMatchObject({ checked: 4, broken: 3, passedOver: 3 });
    const found = rowsOf('keys').map((row) => row.split(','));
    expect(found.map((cells) => [cells[1], cells[3], cells.at(-1)])).toEqual([
      ['eve', 'original_not_an_image', 'a/a.org/eve/1'],
      ['bob', 'original_not_an_image', 'b/a.org/bob/1'],
      ['huge', 'original_too_large', 'b/a.org/huge/1'],
    ]);
  });
});
