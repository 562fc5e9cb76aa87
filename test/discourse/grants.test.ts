/** Who may run `grants.sql`, as its first lines say. */
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { discourseSchema, GRANTS } from '../support/discourse-database.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  await server.run(`CREATE ROLE owner LOGIN;
    CREATE ROLE maker LOGIN CREATEROLE; GRANT owner TO maker;
    CREATE ROLE late LOGIN CREATEROLE; GRANT owner TO late;`);
  for (const name of ['forum', 'second']) {
    await server.createDatabase(name);
    await server.run(`ALTER DATABASE ${name} OWNER TO owner`);
    await run('owner', name, discourseSchema());
  }
}, 60_000);

afterAll(() => server.stop());

async function run(role: string, database: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: server.url(database, role) });
  await client.connect();
  try {
    // Several statements are one transaction, as with `psql -1`.
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

describe('grants.sql', () => {
  it('is not for an owner who may make no roles', async () => {
    await expect(run('owner', 'forum', GRANTS)).rejects.toMatchObject({ code: '42501' });
  });

  it('can be run, and again, by one who may make roles and is a member of the owner', async () => {
    for (const database of ['forum', 'forum', 'second']) {
      await run('maker', database, GRANTS);
      const uploads = run('avatar_proxy', database, 'SELECT id, url, created_at FROM uploads');
      await expect(uploads).resolves.toMatchObject({ rowCount: 0 });
      const sizes = run('avatar_proxy', database, 'SELECT avatar_proxy.avatar_sizes()');
      await expect(sizes).resolves.toMatchObject({ rowCount: 1 });
    }
  });

  it('is after that for the one who has made the role, and for superusers', async () => {
    await expect(run('late', 'forum', GRANTS)).rejects.toMatchObject({ code: '42501' });
    await server.run(GRANTS, 'forum');
  });
});
