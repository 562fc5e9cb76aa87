/** A database that takes only encrypted connections, with a certificate of its owner's CA, as RDS has. */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { Directory } from '../../src/discourse/directory.ts';
import { type Authority, createAuthority } from '../support/certificates.ts';
import { discourseSchema, GRANTS, PEOPLE } from '../support/discourse-database.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

let authority: Authority;
let server: PostgresServer;

beforeAll(async () => {
  authority = await createAuthority();
  const { cert, key } = await authority.certify('localhost');
  server = await startPostgres();
  await server.createDatabase('forum', discourseSchema() + PEOPLE + GRANTS);
  for (const setting of ['ssl = on', `ssl_cert_file = '${cert}'`, `ssl_key_file = '${key}'`]) {
    await server.run(`ALTER SYSTEM SET ${setting}`);
  }
  const [shown] = await server.run('SHOW hba_file');
  await writeFile(
    String(shown?.['hba_file']),
    'host all postgres all trust\nhostssl all avatar_proxy all trust\n',
  );
  await server.run('SELECT pg_reload_conf()');
  await vi.waitUntil(async () => (await server.run('SHOW ssl'))[0]?.['ssl'] === 'on');
}, 60_000);

afterAll(async () => {
  await server.stop();
  await authority.remove();
});

function open(parameters: string): Directory {
  const database = `postgres://avatar_proxy@localhost:${server.port}/forum${parameters}`;
  const directory = new Directory({ site: 'default', database });
  onTestFinished(() => directory.close());
  return directory;
}

it('is read with sslmode=verify-full and the file of its CA', async () => {
  const directory = open(`?sslmode=verify-full&sslrootcert=${authority.ca}`);
  expect(await directory.lookUp('bob', 10)).toMatchObject({ currentUpload: 10 });
});

it.each([
  ['no encryption', ''],
  ['no CA to know it by', '?sslmode=verify-full'],
])('with %s is not read, and its error says what to add to the address', async (_, parameters) => {
  await expect(open(parameters).lookUp('bob', 10)).rejects.toMatchObject({
    code: 'directory_unavailable',
    detail: expect.stringMatching(/sslmode=verify-full.*sslrootcert=/),
  });
});
