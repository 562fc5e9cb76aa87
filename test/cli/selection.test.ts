/** What is said of a selection that selects nobody. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder } from '../support/app.ts';
import { card } from '../support/cards.ts';
import { linesOf, type Ran, runCommand } from '../support/commands.ts';
import { discourseSchema, insertUpload, insertUser } from '../support/discourse-database.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

const VARIANTS = 's3://nowhere?region=us-east-1&endpoint=http://127.0.0.1:9';

let folder: string;
let originals: Awaited<ReturnType<typeof createFolder>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'avatar-selection-'));
  originals = await createFolder({ 'forum.example/amy/1': await card(8, 8).png().toBuffer() });
});

afterAll(async () => {
  await originals.remove();
  await rm(folder, { recursive: true, force: true });
});

function audit(name: string, variables: Record<string, string>, ...args: string[]): Promise<Ran> {
  const given = { AVATAR_ORIGINALS: `file:${originals.directory}`, ...variables };
  return runCommand(['audit', '--csv', fileOf(name), ...args], given);
}

function fileOf(name: string): string {
  return join(folder, `${name}.csv`);
}

describe('an audit by a template', () => {
  it('takes a host in any case', async () => {
    const ran = await audit('case', {}, '--site', 'Forum.Example', '--json');
    expect(ran.code).toBe(0);
    expect(linesOf(ran).at(-1)).toMatchObject({ checked: 1 });
  });

  it.each([
    ['site', {}, ['--site', 'forum.exmaple']],
    ['user', {}, ['--user', 'nobody']],
    ['template', { AVATAR_LOCATOR: 'template:faces/{host}/{user}/{id}' }, []],
  ])('does not call it sound when there is nobody of a %s', async (name, variables, args) => {
    const ran = await audit(name, variables, ...args);
    expect(ran.code).toBe(1);
    expect(ran.results).toContain('No avatar was looked at: check --site and --user');
    expect(ran.results).not.toContain('They are listed');
    const [end] = linesOf(await audit(name, variables, ...args, '--json')).slice(-1);
    expect(end).toMatchObject({ checked: 0, csv: null });
    // It is not finished: the same command looks again.
    expect(existsSync(fileOf(name))).toBe(false);
    expect(existsSync(`${fileOf(name)}.state`)).toBe(false);
  });

  it('is done when nobody has uploaded anything since', async () => {
    const ran = await audit('since', {}, '--since', '2126-01-01');
    expect(ran.code).toBe(0);
    expect(ran.results).toContain('0 avatars checked');
  });

  it.each([
    ['--site', 'host', 'nothing in AVATAR_LOCATOR or AVATAR_HOSTS', 'template:{user}/{id}'],
    ['--user', 'user', 'AVATAR_LOCATOR has no {user}', 'template:{host}/{id}'],
  ])('refuses %s where nothing tells the %s', async (option, _what, why, AVATAR_LOCATOR) => {
    const ran = await audit('untold', { AVATAR_LOCATOR }, option, 'amy');
    expect(ran).toMatchObject({ code: 64, results: '' });
    expect(ran.remarks).toContain(why);
    expect(existsSync(`${fileOf('untold')}.state`)).toBe(false);
  });
});

describe('an audit of a forum', () => {
  let postgres: PostgresServer;

  beforeAll(async () => {
    postgres = await startPostgres();
  }, 60_000);

  afterAll(() => postgres.stop());

  it('is done where no user has an avatar yet, but not where there is no such user', async () => {
    const variables = {
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: await postgres.createDatabase(
        'young',
        discourseSchema() + insertUpload({ id: 10 }) + insertUser(1, 'Amy'),
      ),
    };
    expect(await audit('young', variables)).toMatchObject({ code: 0 });
    expect(await audit('stranger', variables, '--user', 'nobody')).toMatchObject({ code: 1 });
  });
});

describe('publish', () => {
  it('refuses a host that is not served', async () => {
    const ran = await runCommand(
      ['publish', '--sizes', '24', '--host', 'c.example', '--state', join(folder, 'host.state')],
      {
        AVATAR_ORIGINALS: `file:${originals.directory}`,
        AVATAR_LOCATOR: 'template:{user}/{id}',
        AVATAR_VARIANTS: VARIANTS,
        AVATAR_HOSTS: 'a.example b.example',
      },
    );
    expect(ran).toMatchObject({ code: 64, results: '' });
    expect(ran.remarks).toContain('--host is one of AVATAR_HOSTS: a.example b.example');
  });
});
