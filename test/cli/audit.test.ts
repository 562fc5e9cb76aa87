import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createFolder } from '../support/app.ts';
import { card } from '../support/cards.ts';
import { linesOf, runCommand, startCommand } from '../support/commands.ts';
import { type Crowd, gatherCrowd } from '../support/crowd.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { connectS3, type TestS3 } from '../support/s3-server.ts';

const USERS = 2000;
const MEGABYTE = 1024 * 1024;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'avatar-audit-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('an audit of a forum', () => {
  let postgres: PostgresServer;
  let crowd: Crowd;
  let variables: Record<string, string>;

  beforeAll(async () => {
    const originals = join(folder, 'originals');
    [postgres, crowd] = await Promise.all([
      startPostgres(),
      gatherCrowd(originals, USERS, MEGABYTE),
    ]);
    variables = {
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: await postgres.createDatabase('forum', crowd.sql),
      AVATAR_ORIGINALS: `file:${originals}`,
      AVATAR_MAX_ORIGINAL_MB: '1',
    };
  }, 60_000);

  afterAll(async () => {
    await postgres.stop();
  });

  it('finds exactly the broken ones, stopped thrice on the way, and stays small', async () => {
    const file = join(folder, 'stopped.csv');
    const args = ['audit', '--json', '--csv', file];
    const stops = [
      { atLeast: 1, signal: 'SIGKILL', end: 'SIGKILL' },
      { atLeast: 601, signal: 'SIGKILL', end: 'SIGKILL' },
      { atLeast: 1201, signal: 'SIGINT', end: 130 },
    ] as const;
    let checked = 0;
    for (const { atLeast, signal, end } of stops) {
      // Slow enough to be stopped in the middle.
      const running = startCommand([...args, '--rate', '800'], variables);
      await expect.poll(() => checkedIn(file), POLL).toBeGreaterThanOrEqual(atLeast);
      running.child.kill(signal);
      expect(await running.ended).toBe(end);
      expect(linesOf(running.output())[0]).toMatchObject({ event: 'begin', checked });
      checked = checkedIn(file);
      expect(checked).toBeLessThan(USERS);
    }
    const last = startCommand([...args, '--rate', '100000'], variables);
    expect(await last.ended).toBe(1);
    const lines = linesOf(last.output());
    expect(lines[0]).toMatchObject({ event: 'begin', checked, left: USERS - checked });
    expect(lines.at(-1)).toMatchObject({ event: 'end', checked: USERS, broken: crowd.broken.size });

    const rows = rowsOf(file);
    expect(rows).toHaveLength(crowd.broken.size);
    expect(new Map(rows.map(([, user = '', , cause = '']) => [user, cause]))).toEqual(crowd.broken);
    expect(last.peakBytes()).toBeGreaterThan(0);
    expect(last.peakBytes()).toBeLessThan(300e6);
  }, 120_000);

  it('does nothing more when it is finished, and says again what it found', async () => {
    const args = ['audit', '--csv', join(folder, 'finished.csv'), '--user', 'User100'];
    const first = await runCommand(args, variables);
    const second = await runCommand(args, variables);
    expect(first).toMatchObject({ code: 1 });
    expect(first.results).toContain('1 avatars checked, 1 broken');
    expect(second).toMatchObject({ code: 1, results: first.results });
    expect(second.remarks).toContain('is finished');
    const [finished, end] = linesOf(await runCommand([...args, '--json'], variables));
    expect(finished).toEqual({ event: 'finished', csv: args[2] });
    expect(end).toMatchObject({ event: 'end', checked: 1 });
  });

  it('ends with 0 when all that was asked for are sound', async () => {
    const args = ['audit', '--csv', join(folder, 'sound.csv'), '--user', 'user1'];
    expect(await runCommand(args, variables)).toMatchObject({ code: 0 });
  });

  it('never writes over a file it does not know, nor goes on with another selection', async () => {
    const mine = join(folder, 'mine.csv');
    await writeFile(mine, 'precious');
    const refused = await runCommand(['audit', '--csv', mine], variables);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.remarks).toContain('exists already');
    expect(readFileSync(mine, 'utf8')).toBe('precious');

    const file = join(folder, 'other.csv');
    await runCommand(['audit', '--csv', file, '--user', 'user1'], variables);
    const other = await runCommand(['audit', '--csv', file, '--user', 'user2'], variables);
    expect(other).toMatchObject({ code: 2 });
    expect(other.remarks).toContain('another configuration, selection or version');
  });

  it('blames no avatar when the store is not there at all', async () => {
    const file = join(folder, 'unanswered.csv');
    const AVATAR_ORIGINALS = `file:${join(folder, 'unmounted')}`;
    const ran = await runCommand(['audit', '--csv', file], { ...variables, AVATAR_ORIGINALS });
    expect(ran).toMatchObject({ code: 2 });
    expect(ran.remarks).toContain('there is no folder');
    expect(rowsOf(file)).toEqual([]);
  });
});

describe('an audit that nobody reads to its end', () => {
  it('has neither found all sound nor some broken, and is gone on with', async () => {
    const originals = await createFolder(
      Object.fromEntries(
        Array.from({ length: 400 }, (_, user) => [`a.org/user${user}/1`, Buffer.from('nothing')]),
      ),
    );
    const variables = { AVATAR_ORIGINALS: `file:${originals.directory}` };
    const file = join(folder, 'unread.csv');
    const args = ['audit', '--csv', file, '--rate', '100'];
    const results = startCommand([...args, '--json'], variables);
    await expect.poll(() => checkedIn(file), POLL).toBeGreaterThan(0);
    results.child.stdout?.destroy();
    expect(await results.ended).toBe(2);
    const checked = checkedIn(file);
    expect(checked).toBeLessThan(400);

    // It says there that it goes on.
    const remarks = startCommand(args, variables);
    remarks.child.stderr?.destroy();
    expect(await remarks.ended).toBe(2);
    expect(checkedIn(file)).toBe(checked);

    const rest = await runCommand(['audit', '--json', '--csv', file], variables);
    await originals.remove();
    expect(rest).toMatchObject({ code: 1 });
    expect(linesOf(rest).at(-1)).toMatchObject({ checked: 400, broken: 400 });
  }, 60_000);
});

describe('an audit of a bucket by a template', () => {
  let s3: TestS3;

  beforeAll(async () => {
    s3 = await connectS3(inject('s3'));
    process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
  });

  afterAll(async () => {
    await s3.stop();
  });

  it('stops when the bucket gives no more answers, blames nobody, and goes on when it does', async () => {
    const bucket = await s3.createBucket('outage');
    const picture = await card(8, 8).png().toBuffer();
    for (let user = 0; user < 24; user += 1) await s3.put(bucket, `a.org/user${user}/1`, picture);
    const file = join(folder, 'outage.csv');
    const args = ['audit', '--json', '--csv', file];
    const AVATAR_ORIGINALS = `s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}`;
    const body = '<Error><Code>InvalidAccessKeyId</Code></Error>';
    s3.proxy.inject({ kind: 'reply', status: 403, body }, { objectsOnly: true });
    const stopped = await runCommand(args, { AVATAR_ORIGINALS }).finally(() => s3.proxy.heal());
    expect(stopped.code).toBe(2);
    expect(stopped.remarks).toContain('does not know AWS_ACCESS_KEY_ID');
    expect(rowsOf(file)).toEqual([]);
    const ran = await runCommand(args, { AVATAR_ORIGINALS });
    expect(ran.code).toBe(0);
    expect(linesOf(ran).at(-1)).toMatchObject({ checked: 24, broken: 0 });
  });

  it('does not go on at another server, whose bucket of that name is another one', async () => {
    const bucket = await s3.createBucket('moved');
    await s3.put(bucket, 'a.org/amy/1', await card(8, 8).png().toBuffer());
    const moved = await startFaultProxy(inject('s3').endpoint);
    const args = ['audit', '--csv', join(folder, 'moved.csv')];
    const at = (endpoint: string, more = ''): Record<string, string> => ({
      AVATAR_ORIGINALS: `s3://${bucket}?region=us-east-1&endpoint=${endpoint}${more}`,
    });
    expect(await runCommand(args, at(s3.endpoint))).toMatchObject({ code: 0 });
    const refused = await runCommand(args, at(moved.endpoint)).finally(() => moved.stop());
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.remarks).toContain('another configuration');
    // The same server in other words.
    expect(await runCommand(args, at(`${s3.endpoint}/`, '&pathStyle'))).toMatchObject({ code: 0 });
  });

  it('reads every key of two stores once, the first store first, and tells what is none', async () => {
    const picture = await card(40, 40).png().toBuffer();
    const bucket = await s3.createBucket('audit');
    await s3.put(bucket, 'faces/example.org/amy/1.png', picture);
    await s3.put(bucket, 'faces/example.org/bob/2.png', Buffer.from('nothing'));
    await s3.put(bucket, 'faces/README', Buffer.from('not an avatar'));
    await s3.put(bucket, 'other/example.org/eve/3.png', Buffer.from('not looked at'));
    const folder2 = await createFolder({
      // Hidden by what the bucket has.
      'faces/example.org/amy/1.png': Buffer.from('nothing'),
      'faces/example.org/=cmd()/4.png': picture.subarray(0, 60),
    });
    const file = join(folder, 'template.csv');
    const before = s3.requests();
    const ran = await runCommand(['audit', '--json', '--csv', file], {
      AVATAR_LOCATOR: 'template:faces/{host}/{user}/{upload}.png',
      AVATAR_ORIGINALS: `s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint} file:${folder2.directory}`,
    });
    await folder2.remove();
    expect(linesOf(ran).at(-1)).toMatchObject({
      event: 'end',
      checked: 3,
      broken: 2,
      passedOver: 1,
      causes: { original_not_an_image: 1, original_corrupt: 1 },
    });
    // bob and amy; for the one only the folder has, the bucket is asked in vain.
    expect(s3.requests() - before).toBe(3);
    expect(readFileSync(file, 'utf8')).toContain("example.org,'=cmd(),4,original_corrupt");
  });
});

const POLL = { timeout: 60_000, interval: 20 };

function checkedIn(file: string): number {
  if (!existsSync(`${file}.state`)) return 0;
  const state: { counts: Record<string, number> } = JSON.parse(
    readFileSync(`${file}.state`, 'utf8'),
  );
  return state.counts['visited'] ?? 0;
}

/** Without the head; none of the cells looked at is quoted. */
function rowsOf(file: string): string[][] {
  const [, ...rows] = readFileSync(file, 'utf8').trimEnd().split('\r\n');
  return rows.map((row) => row.split(','));
}
