import { Client, Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AvatarError } from '../../src/errors.ts';
import { Directory } from '../../src/discourse/directory.ts';
import { examineGrants } from '../../src/discourse/grants.ts';
import { LOOK_UP_WITH_PROVIDED } from '../../src/discourse/statements.ts';
import {
  ASSOCIATED_AVATARS,
  CROWD,
  discourseSchema,
  GRANTS,
  insertUpload,
  PEOPLE,
  storedUrl,
} from '../support/discourse-database.ts';
import { startStrictPooler } from '../support/pooler.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

let server: PostgresServer;
const open: Directory[] = [];

beforeAll(async () => {
  server = await startPostgres();
  await server.createDatabase('forum', discourseSchema() + PEOPLE + CROWD + GRANTS + GRANTS);
  await server.createDatabase(
    'older',
    discourseSchema({ associatedAvatars: false }) + PEOPLE + GRANTS,
  );
  // Discourse's timestamps are UTC, whatever zone a database is set to.
  await server.run("ALTER DATABASE forum SET timezone = 'Asia/Tokyo'");
  await server.createDatabase('ungranted', discourseSchema() + PEOPLE);
}, 30_000);

afterEach(async () => {
  await Promise.all(open.splice(0).map((directory) => directory.close()));
});

afterAll(async () => {
  await server.stop();
});

function openDirectory(
  database: string,
  options: Partial<ConstructorParameters<typeof Directory>[0]> & { role?: string } = {},
) {
  const faults: AvatarError[] = [];
  const { role = 'avatar_proxy', ...rest } = options;
  const directory = new Directory({
    site: 'default',
    database: server.url(database, role),
    onFault: (fault) => faults.push(fault),
    ...rest,
  });
  open.push(directory);
  return { directory, faults };
}

describe('a look-up', () => {
  it('finds the user’s upload with its URL and its time in UTC', async () => {
    const { directory } = openDirectory('forum');
    expect(await directory.lookUp('bob', 10)).toStrictEqual({
      currentUpload: 10,
      upload: {
        url: storedUrl(10),
        createdAt: new Date('2024-02-29T12:34:56.789Z'),
      },
    });
  });

  it.each([
    ['19: the custom upload', 'bob', 11, 10, true],
    ['19: the gravatar', 'bob', 12, 10, true],
    ['16: another’s upload', 'bob', 9999, 10, false],
    ['an upload that is not there', 'bob', 77_777, 10, false],
    ['20: another’s upload, for who has none', 'zed', 9999, undefined, false],
    ['24: a name with a dot, dashes and underscores', 'anna.b-c_d', 30, 30, true],
    ['22: a name in another script', 'löwe', 20, 20, true],
    ['the largest upload', 'bob', 2_147_483_647, 10, false],
    ['upload 0', 'bob', 0, 10, false],
  ])('case %s', async (_case, username, upload, currentUpload, found) => {
    const { directory } = openDirectory('forum');
    const entry = await directory.lookUp(username, upload);
    expect(entry?.currentUpload).toBe(currentUpload);
    expect(entry?.upload !== undefined).toBe(found);
  });

  it('case 21: finds nobody of another name, however it is spelt', async () => {
    const { directory } = openDirectory('forum');
    const names = ['nobody', '', "bob' OR '1'='1", 'b%b', 'b_b', "'; DROP TABLE users; --", 'Bob'];
    for (const name of names) expect(await directory.lookUp(name, 10)).toBeUndefined();
    expect(await directory.lookUp('bob', 10)).toBeDefined();
  });

  it('says there is no current upload when its row is gone', async () => {
    await server.run(
      `INSERT INTO users (id, username, username_lower, uploaded_avatar_id)
       VALUES (50, 'gone', 'gone', 55555)`,
      'forum',
    );
    const { directory } = openDirectory('forum');
    expect(await directory.lookUp('gone', 10)).toStrictEqual({
      currentUpload: undefined,
      upload: undefined,
    });
  });

  it('is not confused by a user with several rows of avatars', async () => {
    await server.run(
      `${insertUpload({ id: 61 })}${insertUpload({ id: 62 })}
       INSERT INTO users (id, username, username_lower) VALUES (60, 'twice', 'twice');
       INSERT INTO user_avatars (user_id, custom_upload_id) VALUES (60, 61), (60, 62);`,
      'forum',
    );
    const { directory } = openDirectory('forum');
    for (const id of [61, 62]) {
      expect((await directory.lookUp('twice', id))?.upload?.url).toBe(storedUrl(id));
    }
  });

  it('case 17, 18: finds the user’s own provider picture, and not that of another', async () => {
    await server.run(
      `${insertUpload({ id: 70 })}${insertUpload({ id: 71 })}
       INSERT INTO user_associated_accounts (provider_name, provider_uid, user_id, avatar_upload_id)
       VALUES ('github', 'a', 1, 70), ('github', 'b', 2, 71);`,
      'forum',
    );
    const { directory } = openDirectory('forum');
    expect((await directory.lookUp('bob', 70))?.upload).toBeDefined();
    expect((await directory.lookUp('bob', 71))?.upload).toBeUndefined();
  });

  it('works before Discourse has the column of provider pictures, and uses it from when it is granted', async () => {
    const { directory } = openDirectory('older', { columnsMs: 0 });
    expect((await directory.lookUp('bob', 10))?.upload).toBeDefined();
    await server.run(
      `${ASSOCIATED_AVATARS}${insertUpload({ id: 80 })}
       INSERT INTO user_associated_accounts (provider_name, provider_uid, user_id, avatar_upload_id)
       VALUES ('github', 'a', 1, 80);`,
      'older',
    );
    expect((await directory.lookUp('bob', 80))?.upload).toBeUndefined();
    await server.run(
      'GRANT SELECT (user_id, avatar_upload_id) ON user_associated_accounts TO avatar_proxy',
      'older',
    );
    expect((await directory.lookUp('bob', 80))?.upload).toBeDefined();
    await server.run('ALTER TABLE user_associated_accounts DROP avatar_upload_id', 'older');
    expect((await directory.lookUp('bob', 10))?.upload).toBeDefined();
  });

  it('does without the pictures of log-in providers where it may not read whose they are', async () => {
    await server.createDatabase('half', discourseSchema() + PEOPLE + GRANTS);
    await server.run(
      'REVOKE SELECT (user_id) ON user_associated_accounts FROM avatar_proxy',
      'half',
    );
    const { directory, faults } = openDirectory('half');
    expect((await directory.lookUp('bob', 10))?.upload).toBeDefined();
    expect(faults).toStrictEqual([]);
    expect(await examineGrants(directory)).toMatchObject({
      missing: [],
      unreadable: [],
      unreadableProvided: true,
    });
  });

  it('notices within one failure that the column is gone', async () => {
    await server.createDatabase('shrinking', discourseSchema() + PEOPLE);
    const { directory } = openDirectory('shrinking', { role: 'postgres' });
    await directory.lookUp('bob', 10);
    await server.run('ALTER TABLE user_associated_accounts DROP avatar_upload_id', 'shrinking');
    await expect(directory.lookUp('bob', 10)).rejects.toThrow('column');
    expect((await directory.lookUp('bob', 10))?.upload).toBeDefined();
  });

  it('notices within one failure that the column may be read no more', async () => {
    await server.createDatabase('revoked', `${discourseSchema()}${PEOPLE}${GRANTS}`);
    const { directory } = openDirectory('revoked');
    await directory.lookUp('bob', 10);
    await server.run(
      'REVOKE SELECT (avatar_upload_id) ON user_associated_accounts FROM avatar_proxy',
      'revoked',
    );
    await expect(directory.lookUp('bob', 10)).rejects.toThrow('grants.sql');
    expect((await directory.lookUp('bob', 10))?.upload).toBeDefined();
  });

  it('outlives a migration of ids to bigint', async () => {
    await server.createDatabase('growing', discourseSchema() + PEOPLE);
    const { directory } = openDirectory('growing', { role: 'postgres', connections: 1 });
    const before = await directory.lookUp('bob', 10);
    await server.run(
      `ALTER TABLE uploads ALTER id TYPE bigint;
       ALTER TABLE users ALTER uploaded_avatar_id TYPE bigint;
       ALTER TABLE user_avatars ALTER custom_upload_id TYPE bigint;`,
      'growing',
    );
    expect(await directory.lookUp('bob', 10)).toStrictEqual(before);
  });
});

describe('the plan of a look-up', () => {
  // Uploads are read for two: the one asked for, and the current one, to which clients are sent only
  // if it has a row.
  const INDEXES = [
    'index_user_associated_accounts_on_avatar_upload_id',
    'index_user_avatars_on_user_id',
    'index_users_on_username_lower',
    'uploads_pkey',
    'uploads_pkey',
  ];

  const modes = [
    ['known values', 'force_custom_plan'],
    ['any values', 'force_generic_plan'],
  ] as const;

  it.each(modes)('for %s is a scan of one row in each of five indexes', async (_case, mode) => {
    // Somebody else's upload, so that every way of owning it is tried.
    const scans = await planned(mode, 'user100004', 100_007);
    expect(scans.map(({ index }) => index).toSorted()).toStrictEqual(INDEXES);
    for (const scan of scans) {
      expect(scan.type).toMatch(/^Index (?:Only )?Scan$/);
      expect(scan.condition).toBeTypeOf('string');
      expect(scan.loops).toBe(1);
      expect(scan.rows).toBeLessThanOrEqual(1);
    }
  });

  it.each(modes)(
    'for %s of a current avatar reads users and uploads alone',
    async (_case, mode) => {
      const scans = await planned(mode, 'user100004', 100_004);
      const read = scans.filter(({ loops }) => loops > 0).map(({ table }) => table);
      expect(read.toSorted()).toStrictEqual(['uploads', 'uploads', 'users']);
    },
  );

  it.each(modes)('for %s does not read all who have the same picture', async (_case, mode) => {
    await server.run(
      `UPDATE user_avatars SET gravatar_upload_id = 40 WHERE user_id > 102000; ANALYZE`,
      'forum',
    );
    const scans = await planned(mode, 'user100004', 40);
    const avatars = scans.find(({ table }) => table === 'user_avatars');
    expect(avatars?.condition).toContain('user_id');
    expect(avatars?.rowsRemoved).toBeLessThanOrEqual(1);
  });
});

describe('the role of grants.sql', () => {
  it.each([
    ['passwords', 'SELECT password_hash FROM users'],
    ['whole users', 'SELECT * FROM users'],
    ['e-mail addresses', 'SELECT email FROM user_emails'],
    ['names of files', 'SELECT original_filename FROM uploads'],
    ['what files are', 'SELECT extension FROM uploads'],
    ['tokens of log-in providers', 'SELECT credentials FROM user_associated_accounts'],
    ['settings', 'SELECT value FROM site_settings'],
    ['settings by name', "SELECT value FROM site_settings WHERE name = 'avatar_sizes'"],
  ])('cannot read %s', async (_case, sql) => {
    await expect(asRole(sql)).rejects.toMatchObject({ code: '42501' });
  });

  it.each([
    ['change', "UPDATE users SET username_lower = 'x'"],
    ['add', 'INSERT INTO user_avatars (user_id) VALUES (1)'],
    ['delete', 'DELETE FROM uploads'],
    ['make', 'CREATE TABLE public.mine (id integer)'],
    ['truncate', 'TRUNCATE users'],
  ])('cannot %s anything, not even after making its session writable', async (_case, sql) => {
    await expect(asRole(sql)).rejects.toMatchObject({ code: '25006' });
    await expect(asRole(`SET default_transaction_read_only = off; ${sql}`)).rejects.toMatchObject({
      code: '42501',
    });
  });

  it('can read the sizes of avatars', async () => {
    const { directory, faults } = openDirectory('forum');
    expect(await directory.avatarSizes()).toBeUndefined();
    await server.run(
      "INSERT INTO site_settings (name, data_type, value) VALUES ('avatar_sizes', 8, '24|96')",
      'forum',
    );
    expect(await directory.avatarSizes()).toBe('24|96');
    expect(faults).toStrictEqual([]);
  });

  it('is missed with a message that says what to do', async () => {
    const { directory, faults } = openDirectory('ungranted');
    await expect(directory.lookUp('bob', 10)).rejects.toMatchObject({
      code: 'directory_unavailable',
      detail: expect.stringContaining('grants.sql'),
    });
    expect(await directory.avatarSizes()).toBeUndefined();
    expect(faults).toHaveLength(2);
  });
});

describe('a session', () => {
  it('is read-only and limited even for a role that may do everything', async () => {
    await server.createDatabase(
      'session',
      `CREATE VIEW site_settings AS SELECT 'avatar_sizes' AS name, concat_ws(' ',
         current_setting('default_transaction_read_only'),
         current_setting('statement_timeout'),
         current_setting('idle_in_transaction_session_timeout'),
         current_setting('application_name')) AS value`,
    );
    const { directory } = openDirectory('session', { role: 'postgres', statementTimeoutMs: 1234 });
    expect(await directory.avatarSizes()).toBe('on 1234ms 5s avatar-proxy');
  });

  it('gives up a question that takes too long, and answers the next', async () => {
    const { directory, faults } = openDirectory('forum', { statementTimeoutMs: 100 });
    await directory.lookUp('bob', 10);
    const locker = new Client({ connectionString: server.url('forum') });
    await locker.connect();
    try {
      await locker.query('BEGIN; LOCK TABLE uploads IN ACCESS EXCLUSIVE MODE');
      await expect(directory.lookUp('bob', 10)).rejects.toMatchObject({
        code: 'directory_unavailable',
        detail: expect.stringContaining('57014'),
      });
      await locker.query('ROLLBACK');
    } finally {
      await locker.end();
    }
    expect(await directory.lookUp('bob', 10)).toBeDefined();
    expect(faults).toHaveLength(1);
  });

  it('that a question has ended in an error is used for no other', async () => {
    const { directory } = openDirectory('forum', { connections: 1 });
    const broken = { name: 'broken', text: 'SELECT nothing FROM nowhere' };
    await expect(directory.read(broken)).rejects.toThrow('42P01');
    expect(await directory.lookUp('bob', 10)).toBeDefined();
  });

  it('is prepared once and executed by name', async () => {
    const { directory } = openDirectory('forum', { connections: 1 });
    for (let n = 0; n < 5; n += 1) await directory.lookUp('bob', 10);
    expect(await server.executions('execute avatar_')).toBeGreaterThanOrEqual(5);
  });

  it('does not write the address of the database into its faults', async () => {
    const faults: AvatarError[] = [];
    const directory = new Directory({
      site: 'default',
      database: `postgres://nobody:hunter2@127.0.0.1:${server.port}/missing`,
      onFault: (fault) => faults.push(fault),
    });
    open.push(directory);
    const error: unknown = await directory.lookUp('bob', 10).catch((thrown: unknown) => thrown);
    const text = JSON.stringify([error, faults, String(error), faults.map(String)]);
    expect(text).toContain('site default');
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('postgres://');
  });
});

describe('behind a pooler in transaction mode', () => {
  it('goes on without named statements once one was lost', async () => {
    const pools: Pool[] = [];
    const directory = new Directory({ site: 'default', database: '' }, (throughPooler) => {
      const pool = new Pool({ connectionString: server.url('forum'), max: 1 });
      pools.push(pool);
      expect(throughPooler).toBe(pools.length === 2);
      return Promise.resolve(pool);
    });
    open.push(directory);
    const entry = await directory.lookUp('bob', 10);
    // What a transaction on another server connection looks like to the session.
    await pools[0]?.query('DEALLOCATE ALL');
    expect(await directory.lookUp('bob', 10)).toStrictEqual(entry);
    await pools[1]?.query('DEALLOCATE ALL');
    expect(await directory.lookUp('bob', 10)).toStrictEqual(entry);
    expect(pools).toHaveLength(2);
  });

  it('fails none of those who wait for a connection when named statements are lost', async () => {
    const pools: Pool[] = [];
    const faults: AvatarError[] = [];
    const directory = new Directory(
      { site: 'default', database: '', onFault: (fault) => faults.push(fault) },
      () => {
        const connectionString = server.url('forum');
        const pool = new Pool({ connectionString, max: 1, connectionTimeoutMillis: 2000 });
        pools.push(pool);
        return Promise.resolve(pool);
      },
    );
    open.push(directory);
    const entry = await directory.lookUp('bob', 10);
    await pools[0]?.query('DEALLOCATE ALL');
    const crowd = Array.from({ length: 40 }, () => directory.lookUp('bob', 10));
    expect(await Promise.all(crowd)).toStrictEqual(crowd.map(() => entry));
    expect(faults).toStrictEqual([]);
    // Nothing is left of the former pool.
    await expect.poll(() => pools.map(({ ended }) => ended)).toStrictEqual([true, false]);
  });

  it('goes over to another pool once, though two connections have lost their statements', async () => {
    const pools: Pool[] = [];
    const directory = new Directory({ site: 'default', database: '' }, () => {
      const pool = new Pool({ connectionString: server.url('forum'), max: 2 });
      pools.push(pool);
      return Promise.resolve(pool);
    });
    open.push(directory);
    const lookUpTwice = () =>
      Promise.all([directory.lookUp('bob', 10), directory.lookUp('bob', 11)]);
    await directory.lookUp('bob', 10);
    const entries = await lookUpTwice();
    const clients = [await pools[0]?.connect(), await pools[0]?.connect()];
    for (const client of clients) await client?.query('DEALLOCATE ALL');
    for (const client of clients) client?.release();
    expect(await lookUpTwice()).toStrictEqual(entries);
    expect(await lookUpTwice()).toStrictEqual(entries);
    expect(pools).toHaveLength(2);
  });

  it.each([
    ['PgBouncer', 'statement_timeout', '08P01', 'unsupported startup parameter: statement_timeout'],
    [
      'RDS Proxy',
      'options',
      '0A000',
      'Feature not supported: RDS Proxy currently doesn’t support command-line options.',
    ],
  ])('goes on without settings at log-in once %s refused %s', async (_, name, code, message) => {
    const pooler = await startStrictPooler(server.port, { name, code, message });
    try {
      const { directory, faults } = openDirectory('forum', {
        database: `postgres://avatar_proxy@127.0.0.1:${pooler.port}/forum`,
      });
      const entries = await Promise.all(
        ['bob', 'zed', 'löwe'].map((name) => directory.lookUp(name, 10)),
      );
      expect(entries.every((entry) => entry !== undefined)).toBe(true);
      expect(faults).toStrictEqual([]);
    } finally {
      pooler.stop();
    }
  });
});

async function planned(mode: string, username: string, upload: number): Promise<Scan[]> {
  const client = new Client({ connectionString: server.url('forum', 'avatar_proxy') });
  await client.connect();
  try {
    await client.query(`SET plan_cache_mode = ${mode}`);
    await client.query(`PREPARE look_up (text, integer) AS ${LOOK_UP_WITH_PROVIDED.text}`);
    const { rows } = await client.query<{ 'QUERY PLAN': unknown }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE look_up ('${username}', ${upload})`,
    );
    return scansOf(rows[0]?.['QUERY PLAN']);
  } finally {
    await client.end();
  }
}

async function asRole(sql: string): Promise<void> {
  const client = new Client({ connectionString: server.url('forum', 'avatar_proxy') });
  await client.connect();
  try {
    for (const statement of sql.split('; ')) await client.query(statement);
  } finally {
    await client.end();
  }
}

type Scan = {
  readonly table: string;
  readonly type: string;
  readonly index: string;
  readonly condition: unknown;
  readonly loops: number;
  readonly rows: number;
  readonly rowsRemoved: number;
};

/** Every node of a plan that reads a table. */
function scansOf(plan: unknown): Scan[] {
  if (Array.isArray(plan)) return plan.flatMap(scansOf);
  if (typeof plan !== 'object' || plan === null) return [];
  const node = new Map<string, unknown>(Object.entries(plan));
  const below = [...node.values()].flatMap(scansOf);
  if (!node.has('Relation Name')) return below;
  const scan = {
    table: String(node.get('Relation Name')),
    type: String(node.get('Node Type')),
    index: String(node.get('Index Name')),
    condition: node.get('Index Cond'),
    loops: Number(node.get('Actual Loops')),
    rows: Number(node.get('Actual Rows')),
    rowsRemoved: Number(node.get('Rows Removed by Filter') ?? 0),
  };
  return [scan, ...below];
}
