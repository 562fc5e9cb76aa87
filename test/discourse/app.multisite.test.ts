/** Several forums behind one service: cases 27 and 28 of Discourse's ways. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { ask as overTheWire } from '../support/nginx.ts';
import {
  discourseSchema,
  insertUpload,
  insertUser,
  storedKey,
} from '../support/discourse-database.ts';
import { openVariants } from '../variants/s3.fixture.ts';
import {
  avatar,
  BLANK,
  elsewhere,
  pictureOf,
  see,
  type Seen,
  storeOf,
  useForum,
} from './fixture.ts';

const HOST = '//forum.s3.dualstack.eu-central-1.amazonaws.com';

// In both forums `bob` has upload 10, and in both its object has the same name. Upload 11 of the
// second has an object in the first forum and at the root of the bucket only.
const peopleOf = (site: string): string =>
  [
    ...[10, 11].map((id) => insertUpload({ id, url: `${HOST}/uploads/${site}/${storedKey(id)}` })),
    insertUser(1, 'bob', 10),
    'INSERT INTO user_avatars (user_id, custom_upload_id) VALUES (1, 11);\n',
  ].join('');

const forum = useForum();
type Headers = Readonly<Record<string, unknown>>;

let folder: string;
let app: TestApp;
let variables: Record<string, string>;
/** The variables for these forums, of which the first is the default one. */
let withSites: (name: string, sites: readonly object[]) => Promise<Record<string, string>>;
let databases: readonly (string | undefined)[];

beforeAll(async () => {
  const { postgres, s3, bucket, start } = forum();
  const [first, second] = await Promise.all(
    ['first', 'second'].map((site) =>
      postgres.createDatabase(site, discourseSchema() + peopleOf(site)),
    ),
  );
  await postgres.run(
    "INSERT INTO site_settings (name, data_type, value) VALUES ('avatar_sizes', 8, '48|50')",
    'second',
  );
  await s3.put(bucket, `uploads/first/${storedKey(10)}`, await pictureOf(101));
  await s3.put(bucket, `uploads/first/${storedKey(11)}`, await pictureOf(111));
  await s3.put(bucket, `uploads/second/${storedKey(10)}`, await pictureOf(201));
  await s3.put(bucket, `moved/third/${storedKey(10)}`, await pictureOf(301));

  folder = await mkdtemp(join(tmpdir(), 'avatar-sites-'));
  const { AVATAR_DISCOURSE_URL: _, ...rest } = forum().variables;
  withSites = async (name, sites) => {
    const file = join(folder, `${name}.json`);
    await writeFile(file, JSON.stringify({ sites, default: 'first' }));
    return { ...rest, AVATAR_DISCOURSE_URL: '', AVATAR_SITES: file };
  };
  databases = [first, second];
  variables = await withSites('sites', [
    { name: 'first', hosts: ['one.example.org', 'www.one.example.org'], database: first },
    { name: 'second', hosts: ['two.example.org'], database: second },
    { name: 'third', hosts: ['three.example.org'], database: second, keyPrefix: 'moved/third' },
    { name: 'dead', hosts: ['dead.example.org'], database: 'postgres://x@127.0.0.1:1/none' },
  ]);
  app = await start(variables);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What does not depend on the connection. */
function pick({
  date: _date,
  connection: _connection,
  'keep-alive': _keepAlive,
  ...rest
}: Headers): unknown {
  return { ...rest, 'cache-status': undefined };
}

async function ask(
  host: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<Seen> {
  const url = `/user_avatar/${host}/${path}.png`;
  return await see(await app.server.inject({ url, headers }));
}

describe('two forums with a bob who has upload 10', () => {
  it('case 28: have each its own picture, however often and together they are asked', async () => {
    const hosts = ['one.example.org', 'two.example.org', 'three.example.org'];
    const expected = [avatar(101, 48), avatar(201, 48), avatar(301, 48)];
    for (let round = 0; round < 3; round += 1) {
      expect(await Promise.all(hosts.map((host) => ask(host, 'bob/48/10_2')))).toMatchObject(
        expected,
      );
      hosts.reverse();
      expected.reverse();
    }
  });

  // Whoever asks again for what is in memory is answered ahead of the router, which `inject` does not
  // pass.
  it('case 28: have each its own on the short way too, over a connection', async () => {
    const port = Number(new URL(await app.listen()).port);
    const expected = { one: avatar(101, 48), two: avatar(201, 48), three: avatar(301, 48) };
    for (let round = 0; round < 3; round += 1) {
      for (const [host, picture] of Object.entries(expected)) {
        const path = `/user_avatar/${host}.example.org/bob/48/10_2.png`;
        const { status, headers, body } = await overTheWire(port, path);
        expect(await see({ statusCode: status, headers, rawPayload: body })).toMatchObject(picture);
        const { headers: long } = await app.server.inject(path);
        expect(pick(headers)).toEqual(pick(long));
      }
    }
  });

  it('case 28: do not share tags either', async () => {
    const url = '/user_avatar/one.example.org/bob/48/10_2.png';
    const { etag } = (await app.server.inject(url)).headers;
    const held = { 'if-none-match': String(etag) };
    expect(await ask('one.example.org', 'bob/48/10_2', held)).toMatchObject({ status: 304 });
    expect(await ask('two.example.org', 'bob/48/10_2', held)).toMatchObject(avatar(201, 48));
  });

  it('case 28: do not lend each other what one of them lacks, nor the refusal of it', async () => {
    for (let round = 0; round < 2; round += 1) {
      expect(await ask('two.example.org', 'bob/48/11_2')).toMatchObject(BLANK);
      expect(await ask('one.example.org', 'bob/48/11_2')).toMatchObject(avatar(111, 48));
    }
  });

  it('have each its own sizes', async () => {
    expect(await ask('one.example.org', 'bob/50/10')).toMatchObject(
      elsewhere('/user_avatar/one.example.org/bob/48/10_2.png'),
    );
    expect(await ask('two.example.org', 'bob/50/10')).toMatchObject(avatar(201, 50));
  });

  it('share one cache among the hosts of one forum, but not addresses', async () => {
    const renders = async (): Promise<number> =>
      await app.metric('avatar_render_duration_seconds_count');
    await ask('one.example.org', 'bob/48/10_2');
    const before = await renders();
    expect(await ask('www.one.example.org', 'bob/48/10_2')).toMatchObject(avatar(101, 48));
    expect(await ask('ONE.example.org', 'bob/48/10_2')).toMatchObject(avatar(101, 48));
    expect(await renders()).toBe(before);
    expect(await ask('www.one.example.org', 'bob/51/10')).toMatchObject(
      elsewhere('/user_avatar/www.one.example.org/bob/48/10_2.png'),
    );
  });
});

describe('a host', () => {
  it.each(['unknown.example.org', 'default', '127.0.0.1'])(
    'case 27: that no forum has is the default one: %s',
    async (host) => {
      expect(await ask(host, 'bob/48/10_2')).toMatchObject(avatar(101, 48));
    },
  );

  // What instances share is found by its address, whoever's that is later.
  it('that no forum has shares the default one’s, not what another’s will be once it has it', async () => {
    const { s3, bucket, start } = forum();
    const AVATAR_VARIANTS = storeOf(s3, `${bucket}/variants`);
    const path = (host: string): string => `user_avatar/${host}/bob/48/10_2.png`;
    const [first, second] = databases;
    const mine = { name: 'first', hosts: ['one.example.org'], database: first };
    const before = await start({ ...(await withSites('before', [mine])), AVATAR_VARIANTS });
    expect(await see(await before.server.inject(`/${path('late.example.org')}`))).toMatchObject(
      avatar(101, 48),
    );
    // Closing writes what waits.
    await before.close();

    const store = openVariants(s3, bucket, { prefix: 'variants/' });
    const { signal } = new AbortController();
    const kept = ['one.example.org', 'late.example.org'].map((host) =>
      store.describe(path(host), signal),
    );
    expect(await Promise.all(kept)).toMatchObject([{ variant: { format: 'png' } }, undefined]);
    store.close();

    const late = { name: 'late', hosts: ['late.example.org'], database: second };
    const after = await start({
      ...(await withSites('after', [mine, late])),
      AVATAR_VARIANTS,
      // Nobody can be asked whether a shared picture still is the one.
      AVATAR_ORIGINALS: storeOf({ endpoint: 'http://127.0.0.1:1' }, 'nowhere'),
    });
    const statuses = ['one.example.org', 'late.example.org'].map(
      async (host) => (await after.server.inject(`/${path(host)}`)).statusCode,
    );
    expect(await Promise.all(statuses)).toEqual([200, 503]);
  });

  it('whose database is dead is answered 503, and the others go on', async () => {
    expect(await ask('dead.example.org', 'bob/48/10_2')).toMatchObject({
      status: 503,
      cacheControl: 'no-store',
    });
    expect(await ask('one.example.org', 'bob/24/11_2')).toMatchObject(avatar(111, 24));
  });

  it('that AVATAR_HOSTS does not list is answered 404, with no picture', async () => {
    const strict = await forum().start({ ...variables, AVATAR_HOSTS: 'two.example.org' });
    const on = async (host: string): Promise<Seen> =>
      await see(await strict.server.inject(`/user_avatar/${host}/bob/48/10_2.png`));
    expect(await on('two.example.org')).toMatchObject(avatar(201, 48));
    expect(await on('TWO.example.org')).toMatchObject(avatar(201, 48));
    for (const host of ['one.example.org', 'unknown.example.org', 'default']) {
      expect(await on(host)).toMatchObject({ status: 404, type: 'application/problem+json' });
    }
  });
});
