import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { createFolder } from '../support/app.ts';
import { card } from '../support/cards.ts';
import { linesOf, type Ran, runCommand } from '../support/commands.ts';
import { discourseSchema, PEOPLE, storedKey } from '../support/discourse-database.ts';
import { freePort } from '../support/ports.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { connectS3, type TestS3 } from '../support/s3-server.ts';

const GRANTS = readFileSync(new URL('../../deploy/discourse/grants.sql', import.meta.url), 'utf8');

let s3: TestS3;
let bucket: string;
let postgres: PostgresServer;
let picture: Buffer;

beforeAll(async () => {
  [s3, postgres, picture] = await Promise.all([
    connectS3(inject('s3')),
    startPostgres(),
    card(80, 60).jpeg().toBuffer(),
  ]);
  bucket = await s3.createBucket('doctor');
  for (const id of [10, 20, 30, 9999]) await s3.put(bucket, storedKey(id), picture);
  await s3.put(bucket, 'example.org/amy/1', picture);
  await postgres.createDatabase('forum', discourseSchema() + PEOPLE);
  await postgres.run(GRANTS, 'forum');
}, 60_000);

afterAll(async () => {
  await postgres.stop();
  await s3.stop();
});

describe('the doctor of a service that works', () => {
  it('finds nothing: a forum, its buckets, a role with the grants; and writes nothing', async () => {
    const AVATAR_VARIANTS = storeOf(await s3.createBucket('variants'));
    const ran = await examine({
      AVATAR_VARIANTS,
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: postgres.url('forum', 'avatar_proxy'),
    });
    expect(findings(ran).filter(({ state }) => state === 'broken' || state === 'warning')).toEqual(
      [],
    );
    expect(ran.code).toBe(0);
    expect(checks(ran)).toEqual(
      expect.arrayContaining([
        'configuration',
        `s3://${bucket}`,
        'database of default',
        'avatars',
        'codecs',
        'render and ETag',
        'allocator',
        'thread pool',
      ]),
    );
    expect(saysOf(ran, `s3://${bucket} credentials`)).toContain(
      `${s3.accessKeyId} from the environment`,
    );
    const variants = checks(ran).find((check) => check.startsWith('AVATAR_VARIANTS')) ?? '';
    expect(saysOf(ran, variants)).toBe('can be read and written');
    const listed = await examine({ AVATAR_ORIGINALS: AVATAR_VARIANTS });
    expect(saysOf(listed, 'avatars')).toContain('hold nothing');
    expect(saysOf(ran, 'codecs')).toBe('png, jpg, webp, avif, gif');
  });
});

describe('the doctor of a forum whose avatars are vectors', () => {
  it('renders none of them, as the service does', async () => {
    const vectors = await s3.createBucket('vectors');
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    for (const id of [10, 20, 30, 9999]) await s3.put(vectors, storedKey(id), svg);
    const ran = await examine({ ...forum(), AVATAR_ORIGINALS: storeOf(vectors) });
    expect(ran.code).toBe(0);
    expect(saysOf(ran, 'avatars')).toMatch(/^all \d looked for are there$/);
    expect(saysOf(ran, 'render and ETag')).toMatch(/^a letter in \d+ ms, twice the same bytes/);
  });
});

describe('the doctor of a bucket with a prefix that has a space', () => {
  it('finds its avatars, and may write there', async () => {
    const spaced = await s3.createBucket('spaced');
    await s3.put(spaced, 'my faces?/example.org/amy/1', picture);
    const AVATAR_ORIGINALS = storeOf(`${spaced}/my%20faces%3F`);
    const ran = await examine({ AVATAR_ORIGINALS, AVATAR_VARIANTS: AVATAR_ORIGINALS });
    expect(ran.code).toBe(0);
    expect(saysOf(ran, 'avatars')).toBe('all 1 looked for are there');
    const check = `AVATAR_VARIANTS s3://${spaced}/my faces?`;
    expect(saysOf(ran, check)).toBe('can be read and written');
  });
});

describe('the doctor of several forums', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'avatar-doctor-'));
  });

  afterAll(() => rm(folder, { recursive: true }));

  async function examineSites(sites: readonly object[]): Promise<Ran> {
    const AVATAR_SITES = join(folder, 'sites.json');
    await writeFile(AVATAR_SITES, JSON.stringify({ sites, default: 'first' }));
    return await examine({ AVATAR_LOCATOR: 'discourse', AVATAR_SITES });
  }

  it('looks for avatars of each', async () => {
    const database = postgres.url('forum', 'avatar_proxy');
    const ran = await examineSites([
      { name: 'first', hosts: ['a.example'], database },
      { name: 'second', hosts: ['b.example'], database, keyPrefix: 'wrong' },
      { name: 'third', hosts: ['c.example'], database: postgres.url('gone') },
    ]);
    expect(ran.code).toBe(2);
    expect(saysOf(ran, 'avatars of first')).toMatch(/^all \d looked for are there$/);
    expect(findings(ran)).toContainEqual(
      finding('broken', 'avatars of second', 'none is in the stores', 'keyPrefix of second'),
    );
    expect(findings(ran)).toContainEqual(
      finding('hint', 'avatars of third', 'none could be looked for', 'no such database'),
    );
  });

  it('says of how many it has not, where there are many', async () => {
    const database = postgres.url('forum', 'avatar_proxy');
    const ran = await examineSites(
      Array.from({ length: 22 }, (_, index) => ({
        name: index === 0 ? 'first' : `forum-${index}`,
        hosts: [`forum-${index}.example`],
        database,
      })),
    );
    expect(ran.code).toBe(0);
    expect(checks(ran).filter((check) => check.startsWith('avatars of '))).toHaveLength(20);
    expect(findings(ran)).toContainEqual(
      finding('hint', 'avatars', 'none of 2 more forums', 'audit --site'),
    );
  });
});

describe('the doctor names', () => {
  it('1: a misspelt variable', async () => {
    const ran = await examine({ AVATAR_SIZE: '24 48' });
    expect(ran.code).toBe(1);
    expect(findings(ran)).toContainEqual(
      finding('warning', 'variable AVATAR_SIZE', 'not known', 'AVATAR_SIZES'),
    );
  });

  it('2: a value that cannot be', async () => {
    const ran = await examine({ AVATAR_UNLISTED_SIZE: 'biggest' });
    expect(ran.code).toBe(2);
    expect(findings(ran)).toEqual([
      finding('broken', 'variable AVATAR_UNLISTED_SIZE', 'biggest', 'nearest, reject'),
    ]);
  });

  it('3: a folder that is not mounted', async () => {
    const ran = await examine({ AVATAR_ORIGINALS: 'file:/nowhere/at/all' });
    expect(ran.code).toBe(2);
    expect(findings(ran)).toContainEqual(
      finding('broken', 'file:/nowhere/at/all', 'cannot be read', 'mount it'),
    );
  });

  it('4: a bucket that is not there', async () => {
    const ran = await examine({ AVATAR_ORIGINALS: storeOf('no-such-bucket') });
    expect(ran.code).toBe(2);
    expect(findings(ran)).toContainEqual(
      finding('broken', 's3://no-such-bucket', 'not there', 'create it, or correct'),
    );
  });

  it('5: an endpoint where nobody listens', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const ran = await examine({ AVATAR_ORIGINALS: storeOf(bucket, endpoint) });
    expect(ran.code).toBe(2);
    expect(findings(ran)).toContainEqual(
      finding('broken', `s3://${bucket}`, 'cannot be reached', 'check the network'),
    );
  });

  it.runIf(inject('s3').kind !== 'fauxqs')('6: a secret that is not that of the key', async () => {
    const ran = await examine({}, { accessKeyId: s3.accessKeyId, secretAccessKey: 'wrong' });
    expect(ran.code).toBe(2);
    expect(findings(ran)).toContainEqual(
      finding('broken', `s3://${bucket}`, 'credentials', 'AWS_SECRET_ACCESS_KEY does not belong'),
    );
  });

  it.runIf(inject('s3').kind !== 'fauxqs')('7: a key that nobody knows', async () => {
    const ran = await examine({}, { accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'x' });
    expect(ran.code).toBe(2);
    expect(findings(ran)).toContainEqual(
      finding('broken', `s3://${bucket}`, 'credentials', 'does not know AWS_ACCESS_KEY_ID'),
    );
  });

  it.runIf(inject('s3').kind === 'rgw')('8: a role that may not list the bucket', async () => {
    const other = await s3.createBucket('unlisted');
    await s3.put(other, 'example.org/amy/1', picture);
    const reader = await s3.createReader({ bucket: other, list: false });
    const ran = await examine({ AVATAR_ORIGINALS: storeOf(other) }, reader);
    expect(ran.code).toBe(1);
    expect(findings(ran)).toContainEqual(
      finding('warning', `s3://${other} ListBucket`, 'not granted', 'allow s3:ListBucket'),
    );
  });

  it('9: a bucket in another region', async () => {
    const body = '<Error><Code>PermanentRedirect</Code><Message>use another</Message></Error>';
    const headers = { 'x-amz-bucket-region': 'ap-northeast-2', 'content-type': 'application/xml' };
    s3.proxy.inject({ kind: 'reply', status: 301, body, headers });
    const ran = await examine({}).finally(() => s3.proxy.heal());
    expect(ran.code).toBe(2);
    expect(findings(ran)).toContainEqual(
      finding('broken', `s3://${bucket} region`, 'ap-northeast-2', 'region=ap-northeast-2'),
    );
  });

  it('10: a clock that is wrong, with which the service works all the same', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 20 * 60_000 });
    const ran = await examine({}).finally(() => vi.useRealTimers());
    expect(ran.code).toBe(1);
    expect(findings(ran)).toContainEqual(
      finding('warning', `s3://${bucket} clock`, 's ahead', 'synchronise'),
    );
    expect(saysOf(ran, 'avatars')).toBe('all 1 looked for are there');
  });

  it('11: objects that are somewhere else than the database says', async () => {
    const AVATAR_ORIGINALS = storeOf(`${bucket}/moved`);
    const ran = await examine({ ...forum(), AVATAR_ORIGINALS });
    expect(ran.code).toBe(2);
    expect(findings(ran)).toContainEqual(
      finding('broken', 'avatars', 'none is in the stores', 'AVATAR_ORIGINALS'),
    );
  });

  it('12: a template no key is written by', async () => {
    const folder = await createFolder({ 'avatars/1234/amy.png': picture });
    const AVATAR_ORIGINALS = `file:${folder.directory}`;
    const ran = await examine({
      AVATAR_LOCATOR: 'template:avatars/{host}/{user}/{id}',
      AVATAR_ORIGINALS,
    });
    await folder.remove();
    expect(ran.code).toBe(2);
    expect(findings(ran)).toContainEqual(
      finding('broken', 'avatars', 'none of the first 1 keys', 'AVATAR_LOCATOR=template:'),
    );
  });

  it('13: a database without its grants', async () => {
    await postgres.createDatabase('restored', discourseSchema() + PEOPLE);
    const AVATAR_DISCOURSE_URL = postgres.url('restored', 'avatar_proxy');
    const ran = await examine({ ...forum(), AVATAR_DISCOURSE_URL });
    expect(ran.code).toBe(2);
    expect(findings(ran)).toContainEqual(
      finding('broken', 'database of default grants', 'uploads.url', 'grants.sql'),
    );
  });

  it("14: a database that is not Discourse's, and one that is not there", async () => {
    const wrong = await examine({ ...forum(), AVATAR_DISCOURSE_URL: postgres.url('postgres') });
    expect(wrong.code).toBe(2);
    expect(findings(wrong)).toContainEqual(
      finding('broken', 'database of default', 'has no users.id', "Discourse's own"),
    );
    const gone = await examine({ ...forum(), AVATAR_DISCOURSE_URL: postgres.url('gone') });
    expect(gone.code).toBe(2);
    expect(findings(gone)).toContainEqual(
      finding('broken', 'database of default', 'cannot be asked', 'there is no such database'),
    );
  });

  it('15: a role that may do more than read, and too few threads', async () => {
    const AVATAR_DISCOURSE_URL = postgres.url('forum');
    const ran = await examine({ ...forum(), AVATAR_DISCOURSE_URL, UV_THREADPOOL_SIZE: '1' });
    expect(ran.code).toBe(1);
    expect(findings(ran)).toContainEqual(
      finding('warning', 'database of default grants', 'postgres may write', 'grants.sql'),
    );
    expect(findings(ran)).toContainEqual(
      finding('warning', 'thread pool', '1 threads', 'UV_THREADPOOL_SIZE'),
    );
  });

  it.runIf(inject('s3').kind === 'rgw')('16: variants nobody may write', async () => {
    const other = await s3.createBucket('unwritable');
    await s3.put(other, 'example.org/amy/1', picture);
    const reader = await s3.createReader({ bucket: other, list: true });
    const AVATAR_ORIGINALS = storeOf(other);
    const ran = await examine({ AVATAR_ORIGINALS, AVATAR_VARIANTS: storeOf(other) }, reader);
    expect(ran.code).toBe(2);
    expect(findings(ran)).toContainEqual(
      finding('broken', `AVATAR_VARIANTS s3://${other}`, 'written', 's3:PutObject'),
    );
  });

  it.each([
    ['never enabled', '<AccelerateConfiguration/>'],
    ['Suspended', '<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>'],
  ])('17: acceleration that is asked for and %s', async (status, body) => {
    const isAbout = ({ url }: IncomingMessage): boolean => url?.includes('accelerate') === true;
    s3.proxy.inject(
      { kind: 'reply', status: 200, body },
      { unless: (request) => !isAbout(request) },
    );
    // The address of a bucket of AWS has no endpoint of its own.
    vi.stubEnv('AWS_ENDPOINT_URL_S3', s3.endpoint);
    const ran = await examine({
      AVATAR_ORIGINALS: `s3://${bucket}?region=us-east-1&accelerate=true`,
      AVATAR_VARIANTS: `s3://${bucket}?region=us-east-1`,
    }).finally(() => {
      s3.proxy.heal();
      vi.unstubAllEnvs();
    });
    expect(ran.code).toBe(2);
    expect(findings(ran)).toContainEqual(
      finding('broken', `s3://${bucket} acceleration`, status, 'take accelerate= out of AVATAR_OR'),
    );
    // Told where it is not asked for, too; and the bucket itself is well.
    expect(findings(ran)).toContainEqual({
      event: 'finding',
      state: 'ok',
      check: `s3://${bucket} acceleration`,
      says: expect.stringContaining(status),
    });
    expect(saysOf(ran, `s3://${bucket}`)).toBe('can be reached and listed');
  });

  it('18: a misspelt variable beside a value that cannot be, which it may be the reason for', async () => {
    const ran = await examine({ AVATAR_FORMAT: 'orignal', AVATAR_ORIGINAL: 's3://uploads' });
    expect(ran.code).toBe(2);
    expect(findings(ran)).toEqual([
      finding('broken', 'variable AVATAR_FORMAT', 'cannot be used', 'must be one of png'),
      finding('warning', 'variable AVATAR_ORIGINAL', 'not known', 'AVATAR_ORIGINALS'),
    ]);
  });
});

function storeOf(path: string, endpoint = s3.endpoint): string {
  return `s3://${path}?region=us-east-1&endpoint=${endpoint}`;
}

function forum(): Record<string, string> {
  return {
    AVATAR_LOCATOR: 'discourse',
    AVATAR_DISCOURSE_URL: postgres.url('forum', 'avatar_proxy'),
  };
}

/** In this very process, whose environment is where the SDK looks for credentials. */
async function examine(
  variables: Record<string, string>,
  { accessKeyId, secretAccessKey }: Pick<TestS3, 'accessKeyId' | 'secretAccessKey'> = s3,
): Promise<Ran> {
  process.env['AWS_ACCESS_KEY_ID'] = accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = secretAccessKey;
  return await runCommand(['doctor', '--json'], {
    AVATAR_ORIGINALS: storeOf(bucket),
    AVATAR_RENDERS: '1',
    ...variables,
  });
}

function findings(ran: Ran): Array<Record<string, unknown>> {
  return linesOf(ran).filter(({ event }) => event === 'finding');
}

function checks(ran: Ran): string[] {
  return findings(ran).map(({ check }) => String(check));
}

function saysOf(ran: Ran, check: string): unknown {
  return findings(ran).find((each) => each['check'] === check)?.['says'];
}

/** @param says and mend: what they contain; the cure is always one line */
function finding(state: string, check: string, says: string, mend: string): unknown {
  return {
    event: 'finding',
    state,
    check,
    says: expect.stringContaining(says),
    mend: expect.stringMatching(new RegExp(`^[^\\n]*${mend.replaceAll(/[.*+?()[\]]/g, '\\$&')}`)),
  };
}
