import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseSites } from '../../src/config/sites.ts';
import { singleSite } from '../../src/discourse/sites.ts';
import { createDiscourseWalk, type DiscourseWalkOptions } from '../../src/discourse/walk.ts';
import type { Step } from '../../src/locator/walk.ts';
import {
  discourseSchema,
  GRANTS,
  insertUpload,
  insertUser,
  storedKey,
} from '../support/discourse-database.ts';
import { startStrictPooler } from '../support/pooler.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

const PEOPLE = [
  insertUpload({ id: 10, createdAt: '2024-02-29 12:00:00' }),
  insertUpload({ id: 20, createdAt: '2026-01-31 00:00:00' }),
  insertUpload({ id: 30, url: '' }),
  insertUser(-1, 'system', -5),
  insertUser(1, 'Bob', 10),
  insertUser(2, 'Zed'),
  insertUser(3, 'Löwe', 20),
  insertUser(4, 'empty', 30),
  insertUser(5, 'gone', 4711),
  insertUser(6, 'also.Bob', 10),
].join('');

/** Each question about users takes longer than requests give it. */
const SLOW = `
ALTER TABLE users RENAME TO people;
CREATE VIEW users AS
  WITH pause AS MATERIALIZED (SELECT pg_sleep(0.4))
  SELECT people.* FROM people CROSS JOIN pause;`;

const { signal: never } = new AbortController();

let postgres: PostgresServer;
let database: string;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.createDatabase('forum', discourseSchema() + PEOPLE + GRANTS);
  // What the walk reads must be within the grants.
  database = postgres.url('forum', 'avatar_proxy');
}, 60_000);

afterAll(async () => {
  await postgres.stop();
});

async function walk(
  options: Partial<DiscourseWalkOptions> = {},
  after?: string,
): Promise<{ steps: Step[]; count: number | undefined }> {
  const walked = createDiscourseWalk({ sites: singleSite(database), selection: {}, ...options });
  const steps: Step[] = [];
  for await (const step of walked.steps(after, never)) steps.push(step);
  const count = await walked.count(after, never);
  await walked.close();
  return { steps, count };
}

function users({ steps }: { steps: Step[] }): Array<string | undefined> {
  return steps.map(({ avatar }) => avatar?.user);
}

describe('the walk over a Discourse database', () => {
  it('passes each user with an avatar once, with the upload shown now', async () => {
    const { steps, count } = await walk();
    expect(steps.map(({ avatar }) => avatar)).toMatchObject([
      { site: 'default', user: 'bob', id: '10_2', lastModified: new Date('2024-02-29T12:00Z') },
      { user: 'löwe', id: '20_2' },
      // The upload failed, and the upload is gone: there is nothing to show.
      { user: 'empty', id: '30_2', keys: [] },
      { user: 'gone', id: '4711_2', keys: [], lastModified: undefined },
      { user: 'also.bob', id: '10_2' },
    ]);
    expect(steps[0]?.avatar?.keys).toContain(storedKey(10));
    expect(count).toBe(5);
  });

  it('is the same in pages of any size, and goes on after any user', async () => {
    const whole = await walk();
    for (const pageSize of [1, 2, 5]) expect(await walk({ pageSize })).toEqual(whole);
    for (const [index, { mark }] of whole.steps.entries()) {
      const rest = await walk({ pageSize: 2 }, mark);
      expect(rest.steps).toEqual(whole.steps.slice(index + 1));
      expect(rest.count).toBe(rest.steps.length);
    }
  });

  it('is of one user, however the name is written, or of what is new', async () => {
    expect(users(await walk({ selection: { user: 'BOB' } }))).toEqual(['bob']);
    const since = new Date('2026-01-31T00:00:00Z');
    expect(users(await walk({ selection: { since } }))).toEqual(['löwe']);
    expect(users(await walk({ selection: { since: new Date(since.getTime() + 1) } }))).toEqual([]);
  });

  it('goes through all sites, or the one chosen', async () => {
    const other = await postgres.createDatabase(
      'other',
      discourseSchema() + insertUpload({ id: 7 }) + insertUser(1, 'Eve', 7),
    );
    const parsed = parseSites(
      JSON.stringify({
        sites: [
          { name: 'first', hosts: ['first.example.org'], database },
          { name: 'second', hosts: ['second.example.org'], database: other },
        ],
        default: 'first',
      }),
    );
    if (!parsed.ok) throw new Error(parsed.problems.join());
    const { sites } = parsed;
    const whole = await walk({ sites });
    expect(users(whole)).toEqual(['bob', 'löwe', 'empty', 'gone', 'also.bob', 'eve']);
    expect(whole.steps.at(-1)?.avatar?.host).toBe('second.example.org');
    expect(users(await walk({ sites }, whole.steps[4]?.mark))).toEqual(['eve']);
    expect(users(await walk({ sites, selection: { site: 'second' } }))).toEqual(['eve']);
  });

  it('has its own time for a query, behind a pooler too, where the role has less', async () => {
    await postgres.createDatabase('slow', discourseSchema() + PEOPLE + SLOW);
    await postgres.run(GRANTS, 'slow');
    await postgres.run("ALTER ROLE avatar_proxy IN DATABASE slow SET statement_timeout = '150ms'");
    const pooler = await startStrictPooler(postgres.port, {
      name: 'statement_timeout',
      code: '08P01',
      message: 'unsupported startup parameter: statement_timeout',
    });
    onTestFinished(() => pooler.stop());
    const sites = singleSite(`postgres://avatar_proxy@127.0.0.1:${pooler.port}/slow`);
    const whole = await walk();
    expect(await walk({ sites, pageSize: 3 })).toEqual(whole);
  });

  it('is left at once by who has enough of a database that hangs', async () => {
    const client = new Client({ connectionString: postgres.url('forum') });
    onTestFinished(() => client.end());
    await client.connect();
    await client.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
    const walked = createDiscourseWalk({ sites: singleSite(database), selection: {} });
    onTestFinished(() => walked.close());
    const leaving = new AbortController();
    const steps = walked.steps(undefined, leaving.signal)[Symbol.asyncIterator]();
    const left = [walked.count(undefined, leaving.signal), steps.next()];
    leaving.abort(new Error('enough'));
    for (const each of left) await expect(each).rejects.toThrow('enough');
  });

  it('leaves it to its pages to say what is wrong with the database', async () => {
    const sites = singleSite(postgres.url('missing', 'avatar_proxy'));
    const walked = createDiscourseWalk({ sites, selection: {} });
    onTestFinished(() => walked.close());
    expect(await walked.count(undefined, never)).toBeUndefined();
    await expect(walk({ sites })).rejects.toMatchObject({
      code: 'directory_unavailable',
      detail: expect.stringContaining('no such database'),
    });
  });
});
