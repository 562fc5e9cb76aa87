/** A database that takes only encrypted connections, with a certificate of its owner's CA, as RDS has. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { Directory } from '../../src/discourse/directory.ts';
import { discourseSchema, GRANTS, PEOPLE } from '../support/discourse-database.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

const execute = promisify(execFile);

let folder: string;
let server: PostgresServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'avatar-tls-'));
  const certify = async (options: string): Promise<void> => {
    const command = `req -x509 -newkey rsa:2048 -nodes -days 2 ${options}`;
    await execute('openssl', command.split(' '), { cwd: folder });
  };
  await certify('-subj /CN=CA -keyout ca.key -out ca.pem');
  await certify(
    '-CA ca.pem -CAkey ca.key -subj /CN=localhost -addext subjectAltName=DNS:localhost ' +
      '-addext basicConstraints=critical,CA:FALSE -keyout server.key -out server.pem',
  );
  server = await startPostgres();
  await server.createDatabase('forum', discourseSchema() + PEOPLE + GRANTS);
  for (const setting of [
    'ssl = on',
    `ssl_cert_file = '${folder}/server.pem'`,
    `ssl_key_file = '${folder}/server.key'`,
  ]) {
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
  await rm(folder, { recursive: true, force: true });
});

function open(parameters: string): Directory {
  const database = `postgres://avatar_proxy@localhost:${server.port}/forum${parameters}`;
  const directory = new Directory({ site: 'default', database });
  onTestFinished(() => directory.close());
  return directory;
}

it('is read with sslmode=verify-full and the file of its CA', async () => {
  const directory = open(`?sslmode=verify-full&sslrootcert=${folder}/ca.pem`);
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
