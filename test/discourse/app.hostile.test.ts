/** What nobody should send, and what should not be in a database: never a 5xx, never another's picture. */
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROFILE_VERSIONS } from '../../src/render/profiles.ts';
import type { TestApp } from '../support/app.ts';
import { insertUpload, insertUser, storedKey } from '../support/discourse-database.ts';
import { ask as overTheWire } from '../support/nginx.ts';
import { type Recorder, startRecorder } from '../support/recorder.ts';
import { anyAddress, outcomeOf, type People, urlOf } from './any-address.ts';
import {
  avatar,
  BLANK,
  CDN,
  elsewhere,
  pictureOf,
  see,
  type Seen,
  storeOf,
  useForum,
} from './fixture.ts';

/** In the bucket beside the folder of the forum, and not for anybody's eyes. */
const SECRETS = ['secret.png', 'other/original/1X/secret.png', 'original/1X/secret.png'];
const SECRET = 4242;

const AWS = '//forum.s3.dualstack.eu-central-1.amazonaws.com';

/** Of rows that Discourse did not write. All are the current avatar of user `h<index>`. */
const URLS = [
  '',
  ' ',
  '/',
  '//',
  'secret.png',
  '/secret.png',
  '/etc/passwd',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'data:image/png;base64,iVBORw0KGgo=',
  'http://169.254.169.254/latest/meta-data/iam',
  'https://evil.example.net/original/1X/secret.png?x=1',
  '//evil.example.net/secret.png',
  '//other.s3.amazonaws.com/other/original/1X/secret.png',
  '//s3.amazonaws.com/other/original/1X/secret.png',
  `${AWS}/../secret.png`,
  `${AWS}/../original/1X/secret.png`,
  `${AWS}/../${storedKey(10)}`,
  `${AWS}/original/1X/../../../original/1X/secret.png`,
  `${AWS}/original/1X/%2e%2e/%2e%2e/secret.png`,
  `${AWS}/original/1X/..\\..\\secret.png`,
  `${AWS}//secret.png`,
  `${AWS}/original/1X//secret.png`,
  `${AWS}/original/1X/./secret.png`,
  `${AWS}/original/1X/secret.png#`,
  '/uploads/../secret.png',
  '/uploads/default/../../original/1X/secret.png',
  '/uploads/default/original/1X/secret.png',
  `${AWS}/original/1X/${'x'.repeat(3000)}.png`,
  `${AWS}/original/1X/line\nbreak.png`,
  `${AWS}/?list-type=2`,
];

const ROWS = URLS.map(
  (url, index) =>
    insertUpload({ id: 300 + index, url }) + insertUser(300 + index, `h${index}`, 300 + index),
).join('');

const forum = useForum(ROWS);
let app: TestApp;
let lettered: TestApp;

beforeAll(async () => {
  const { s3, bucket, start } = forum();
  for (const key of SECRETS) await s3.put(bucket, key, await pictureOf(SECRET));
  for (const id of [10, 11, 12, 20, 30, 9999]) {
    await s3.put(bucket, `forum/${storedKey(id)}`, await pictureOf(id));
  }
  const inFolder = { AVATAR_ORIGINALS: storeOf(s3, `${bucket}/forum`) };
  app = await start(inFolder);
  lettered = await start({ ...inFolder, AVATAR_MISSING: 'letter' });
});

async function ask(url: string, on = app): Promise<Seen> {
  return await see(await on.server.inject(url));
}

/** As it is, dots and all, which `inject` would resolve. */
async function askRaw(port: number, url: string): Promise<Seen> {
  const { status, headers, body } = await overTheWire(port, url);
  return await see({ statusCode: status, headers, rawPayload: body });
}

describe('a row whose URL', () => {
  it.each(URLS.map((url, index) => [url.slice(0, 80), index] as const))(
    'is %j leads to nothing',
    async (_url, index) => {
      expect(await ask(`/user_avatar/default/h${index}/48/${300 + index}_2.png`)).toMatchObject(
        BLANK,
      );
    },
  );
});

describe('what S3 is asked for', () => {
  let s3: Recorder;

  beforeAll(async () => {
    s3 = await startRecorder((_request, response) => {
      response.writeHead(404, { 'content-type': 'application/xml' });
      response.end('<Error><Code>NoSuchKey</Code><Message>none</Message></Error>');
    });
  });

  afterAll(() => s3.close());

  it('is below the prefix, and named by the database alone', async () => {
    const watched = await forum().start({
      AVATAR_ORIGINALS: storeOf({ endpoint: `http://${s3.address}` }, 'bucket/forum'),
    });
    const paths = [
      ...URLS.map((_, index) => `h${index}/48/${300 + index}_2`),
      'bob/48/10_2',
      'bob/24/11_2',
      'bob%2F..%2F..%2Fsecret/48/10',
      '..%2Fsecret/48/10',
      'bob/48/10%2F..%2Fsecret',
      'bob/48/..%2F10',
      '%2e%2e/48/10_2',
    ];
    for (const path of paths) {
      const { status } = await ask(`/user_avatar/default/${path}.png`, watched);
      expect([200, 404]).toContain(status);
    }
    const asked = s3.requests.map(({ url }) => new URL(url, 'http://s3').pathname);
    // Each is a place the database names, in the folder that is configured; nothing else is tried.
    expect(new Set(asked)).toEqual(
      new Set([
        ...[10, 11].map((id) => `/bucket/forum/${storedKey(id)}`),
        '/bucket/forum/secret.png',
        '/bucket/forum/latest/meta-data/iam',
        '/bucket/forum/other/original/1X/secret.png',
        '/bucket/forum/original/1X/secret.png',
        '/bucket/forum/uploads/default/original/1X/secret.png',
      ]),
    );
  });
});

describe('a name', () => {
  it.each([
    ['of 1,000 bytes', 'x'.repeat(1000)],
    ['of 1,000 letters of three bytes', '%E6%BC%A2'.repeat(1000)],
    ['of as many bytes as a request may have', 'x'.repeat(16_000)],
    ['with NUL', 'bob%00'],
    ['with a line break', 'bob%0A'],
    ['with a slash', 'bob%2F'],
    // Nothing can be read from these: Rails answers 400.
    ['with half a surrogate pair, as UTF-8 has none', '%ED%A0%80', 404],
    ['of bytes that are no UTF-8', '%FF%FE', 404],
    ['with a lone percent sign', 'bob%', 404],
    ["that ends a text of SQL's", 'bob%27%20OR%20%271%27%3D%271'],
    ['that is a comment', 'bob%27--'],
    ['that is a statement', '%27%3B%20DROP%20TABLE%20users%3B--'],
    ['that is a pattern', 'b%25'],
    ['that is a parameter', '%241'],
    ['with a backslash', 'bob%5C'],
    ['that is a dot or two', '..', 404],
  ])('%s is nobody’s', async (_what, name, status = 200) => {
    const url = `/user_avatar/default/${name}/48/10_2.png`;
    const expected = status === 200 ? BLANK : { status, type: 'application/problem+json' };
    expect(await ask(url)).toMatchObject(expected);
    expect(await ask('/user_avatar/default/bob/48/10_2.png')).toMatchObject(avatar(10, 48));
  });
});

describe('a tag somebody claims to hold', () => {
  it('cannot make one request out of those for two users', async () => {
    const tail = '/10_2/48.original';
    const held = `png${PROFILE_VERSIONS.png}-48-x`;
    const spelled = encodeURIComponent(`bob${tail} ${held}`);
    const fresh = await forum().start();
    const [nobody, bob] = await Promise.all([
      fresh.server.inject(`/user_avatar/default/${spelled}/48/10_2.png`),
      fresh.server.inject({
        url: '/user_avatar/default/bob/48/10_2.png',
        headers: { 'if-none-match': `"${held}${tail}"` },
      }),
    ]);
    expect(await see(nobody)).toMatchObject(BLANK);
    expect(await see(bob)).toMatchObject(avatar(10, 48));
  });
});

describe('any address', () => {
  const PEOPLE: People = {
    bob: { current: 10, others: [11, 12] },
    löwe: { current: 20 },
    'anna.b-c_d': { current: 30 },
    other: { current: 9999 },
    zed: {},
    h15: { current: 315, broken: true },
    h28: { current: 328, broken: true },
  };
  const names = [...Object.keys(PEOPLE), 'BOB', 'LÖWE', 'bob', 'nobody', "' OR 1=1 --"];

  it('has the one outcome that its parts give it, within two steps', async () => {
    const ports = await Promise.all(
      [app, lettered].map(async (each) => Number(new URL(await each.listen()).port)),
    );
    const counts = { none: 0, nobody: 0, avatar: 0, sent: 0 };
    const property = fc.asyncProperty(anyAddress(names), fc.boolean(), async (parts, letters) => {
      const port = ports[letters ? 1 : 0] ?? 0;
      const { kind, redirects, seen: expected } = outcomeOf(parts, PEOPLE, letters);
      let seen = await askRaw(port, urlOf(parts));
      for (let step = 0; step < redirects; step += 1) {
        expect(seen.location).toMatch(
          /^https:\/\/cdn\.example\.org\/user_avatar\/[\w.-]+\/[%\w.-]+\/(?:24|48|72|96|144|288)\/\d+_2\.png$/,
        );
        seen = await askRaw(port, (seen.location ?? '').replace(CDN, ''));
      }
      expect(seen).toMatchObject(expected);
      counts[kind] += 1;
      counts.sent += redirects;
    });
    await fc.assert(property, { numRuns: 400 });
    // Enough of each, or the above has shown little.
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(20);
  }, 60_000);

  it('leaves the database as it was', async () => {
    const rows = await forum().postgres.run(
      'SELECT count(*)::integer AS users FROM users',
      'forum',
    );
    expect(rows).toEqual([{ users: 5 + URLS.length }]);
  });

  it('of a leap in the number is sent on once', async () => {
    expect(await ask('/user_avatar/default/bob/48/2147483648_2.png')).toMatchObject(
      elsewhere('/user_avatar/default/bob/48/10_2.png'),
    );
  });
});
