/** Logging in as an operator who follows `docs/migration.md` does, and who leaves something out. */
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { Directory } from '../../src/discourse/directory.ts';
import { commandsOf } from '../../scripts/documented-commands.ts';
import { discourseSchema, GRANTS, PEOPLE } from '../support/discourse-database.ts';
import { freePort } from '../support/ports.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

const MIGRATION = new URL('../../docs/migration.md', import.meta.url);

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  await server.createDatabase('forum', discourseSchema() + PEOPLE + GRANTS);
  const [shown] = await server.run('SHOW hba_file');
  const rules = 'host all postgres all trust\nhost all avatar_proxy all scram-sha-256\n';
  await writeFile(String(shown?.['hba_file']), rules);
  await server.run('SELECT pg_reload_conf()');
  // It rereads the file by and by.
  await vi.waitUntil(async () => {
    const client = new Client({ connectionString: server.url('forum', 'avatar_proxy') });
    const isLetIn = await client.connect().then(
      () => true,
      () => false,
    );
    await client.end();
    return !isLetIn;
  });
}, 60_000);

afterAll(() => server.stop());

function open(address: string): Directory {
  const directory = new Directory({ site: 'default', database: address });
  onTestFinished(() => directory.close());
  return directory;
}

async function troubleOf(address: string): Promise<unknown> {
  return await open(address)
    .lookUp('bob', 10)
    .catch((error: unknown) => error);
}

function explained(detail: RegExp): object {
  return { code: 'directory_unavailable', detail: expect.stringMatching(detail) };
}

it('takes the password that the migration has set after the grants, and before the log-in', async () => {
  const commands = commandsOf(await readFile(MIGRATION, 'utf8'));
  const setting = commands.findIndex((line) => line.includes('grants.sql')) + 1;
  expect(commands[setting]).toBe(String.raw`psql -c '\password avatar_proxy' discourse`);

  // Which is what psql then sends.
  await server.run("ALTER ROLE avatar_proxy PASSWORD 'secret'");
  const address = server.url('forum', 'avatar_proxy:secret');
  expect(await open(address).lookUp('bob', 10)).toMatchObject({ currentUpload: 10 });
});

it('without a password is explained, with the command that sets one', async () => {
  const trouble = await troubleOf(server.url('forum', 'avatar_proxy'));
  expect(trouble).toMatchObject(explained(/no.*: give.*\\password avatar_proxy.*postgres:\/\//));
});

it('where nothing listens is explained, and worth trying again soon', async () => {
  const address = `postgres://avatar_proxy@127.0.0.1:${await freePort()}/forum`;
  const trouble = await troubleOf(address);
  expect(trouble).toMatchObject(explained(/check that it runs.*host and port.*ECONNREFUSED/));
  expect(trouble).toMatchObject({ retryAfterSeconds: 2 });
});

it('at a host nobody has is explained', async () => {
  const trouble = await troubleOf('postgres://avatar_proxy@database.invalid/forum');
  expect(trouble).toMatchObject(explained(/host and port.*database\.invalid/));
});

it('by TLS where there is none is explained', async () => {
  const trouble = await troubleOf(`${server.url('forum')}?sslmode=verify-full`);
  expect(trouble).toMatchObject(explained(/take sslmode=.* out/));
});

it.each([
  ['is not there', '/nowhere/ca.pem', /sslrootcert=.*mount it.*ENOENT.*\/nowhere\/ca\.pem/],
  ['is a folder', tmpdir(), /sslrootcert=.*EISDIR/],
])('with a file of a CA that %s is explained', async (_what, file, detail) => {
  const trouble = await troubleOf(`${server.url('forum')}?sslmode=verify-full&sslrootcert=${file}`);
  expect(trouble).toMatchObject(explained(detail));
});
