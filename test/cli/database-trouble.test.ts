/** What commands do about a database that hangs, and one that is away for a moment. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { linesOf, type Running, startCommand } from '../support/commands.ts';
import { gatherCrowd } from '../support/crowd.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

const MEGABYTE = 1024 * 1024;
const POLL = { timeout: 15_000, interval: 20 };

let postgres: PostgresServer;
let folder: string;
let variables: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'avatar-database-'));
  const originals = join(folder, 'originals');
  const [server, crowd] = await Promise.all([
    startPostgres(),
    gatherCrowd(originals, 40, MEGABYTE),
  ]);
  postgres = server;
  variables = {
    AVATAR_LOCATOR: 'discourse',
    AVATAR_DISCOURSE_URL: await postgres.createDatabase('forum', crowd.sql),
    AVATAR_ORIGINALS: `file:${originals}`,
    AVATAR_RENDERS: '1',
  };
}, 60_000);

afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

/** As maintenance of the forum does: whoever asks for users waits. */
async function lockUsers(): Promise<void> {
  const client = new Client({ connectionString: postgres.url('forum') });
  onTestFinished(() => client.end());
  await client.connect();
  await client.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
}

async function waiting(): Promise<unknown> {
  const [row] = await postgres.run(
    "SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
  );
  return row?.['waiting'];
}

function start(name: string, args: readonly string[]): Running {
  const running = startCommand([...args, '--json', ...fileOf(name)], variables);
  onTestFinished(() => void running.child.kill('SIGKILL'));
  return running;
}

function fileOf(name: string): string[] {
  return name === 'doctor' ? [] : ['--csv', join(folder, `${name}.csv`)];
}

describe('while the database hangs', () => {
  it.each(['audit', 'doctor'])('%s is stopped by Ctrl-C', async (name) => {
    await lockUsers();
    const running = start(name, [name]);
    await expect.poll(waiting, POLL).toBeGreaterThan(0);
    running.child.kill('SIGINT');
    expect(await running.ended).toBe(130);
    expect(linesOf(running.output()).at(-1)).toEqual({ event: 'interrupted' });
  });
});

describe('while the database restarts', () => {
  it('audit waits for it, and goes on', async () => {
    await postgres.kill();
    const running = start('restarted', ['audit']);
    // It has asked in vain by then how many there are, and asks for the first of them now.
    await expect.poll(() => running.output().results, POLL).toContain('"begin"');
    await postgres.restart();
    expect(await running.ended).toBe(0);
    expect(linesOf(running.output()).at(-1)).toMatchObject({ checked: 40, broken: 0 });
  });
});
