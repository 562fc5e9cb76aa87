import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { AvatarError } from '../../src/errors.ts';
import { Directory } from '../../src/discourse/directory.ts';
import {
  createDiscourseLocator,
  type DiscourseLocator,
  type DiscourseLocatorOptions,
} from '../../src/discourse/locator.ts';
import { singleSite } from '../../src/discourse/sites.ts';
import { DEFAULT_SIZES } from '../../src/discourse/sizes.ts';
import { moveClock } from '../support/clock.ts';
import { discourseSchema, GRANTS, PEOPLE } from '../support/discourse-database.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

let server: PostgresServer;
const open: DiscourseLocator[] = [];

beforeAll(async () => {
  server = await startPostgres();
  await server.createDatabase('forum', discourseSchema() + PEOPLE + GRANTS);
}, 30_000);

afterEach(async () => {
  await Promise.all(open.splice(0).map((locator) => locator.close()));
});

afterAll(async () => {
  await server.stop();
});

function openLocator(options: Partial<DiscourseLocatorOptions> = {}) {
  const faults: AvatarError[] = [];
  const locator = createDiscourseLocator({
    // The role with the least rights: what it is refused must not be taken for an outage.
    sites: singleSite(server.url('forum', 'avatar_proxy')),
    positiveMs: 300_000,
    negativeMs: 30_000,
    connectTimeoutMs: 300,
    statementTimeoutMs: 300,
    cooldownMs: 50,
    onFault: (fault) => faults.push(fault),
    ...options,
  });
  open.push(locator);
  return { locator, faults };
}

function locate(locator: DiscourseLocator, user: string, id: string) {
  return locator.locate({ host: 'default', user, id }, new AbortController().signal);
}

/** As for each request, which needs to know whether its size is one. */
async function asRequest(locator: DiscourseLocator, user: string, id: string) {
  await locator.sizesOf('default');
  return await locate(locator, user, id);
}

/** Asks until there is an answer, as clients told to come back do. */
async function healed(locator: DiscourseLocator, user: string, id: string) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await locate(locator, user, id);
    } catch (error) {
      if (attempt > 100) throw error;
      await sleep(50);
    }
  }
}

const UNAVAILABLE = { code: 'directory_unavailable', status: 503 };

describe('a database that is killed', () => {
  it('leaves what is known served and the rest refused, until it is back', async () => {
    const { locator, faults } = openLocator();
    const known = await locate(locator, 'bob', '10');
    const nobody = await locate(locator, 'nobody', '10');
    await server.kill();
    try {
      expect(await locate(locator, 'bob', '10')).toStrictEqual(known);
      expect(await locate(locator, 'nobody', '10')).toStrictEqual(nobody);
      const refused: unknown = await locate(locator, 'zed', '10').catch((error: unknown) => error);
      expect(refused).toMatchObject(UNAVAILABLE);
      expect(refused).toHaveProperty('retryAfterSeconds', expect.any(Number));
      expect(faults.length).toBeGreaterThan(0);
    } finally {
      await server.restart();
    }
    expect(await healed(locator, 'zed', '10')).toStrictEqual({ kind: 'missing' });
    expect(await locate(locator, 'bob', '11')).toMatchObject({ kind: 'at' });
  });

  it('leaves avatars served that were found before, and asks again once it is back', async () => {
    const { locator } = openLocator({ positiveMs: 1, negativeMs: 1 });
    const known = await locate(locator, 'bob', '10');
    await locate(locator, 'nobody', '10');
    await server.kill();
    try {
      await sleep(2);
      expect(await locate(locator, 'bob', '10')).toStrictEqual(known);
      await expect(locate(locator, 'nobody', '10')).rejects.toMatchObject(UNAVAILABLE);
    } finally {
      await server.restart();
    }
    await server.run('UPDATE users SET uploaded_avatar_id = 12 WHERE id = 1', 'forum');
    await server.run('DELETE FROM user_avatars WHERE user_id = 1', 'forum');
    await healed(locator, 'nobody', '10');
    expect(await locate(locator, 'bob', '10')).toStrictEqual({ kind: 'moved', id: '12_2' });
  });

  it('is not asked again by each of many requests, and reported once', async () => {
    const { locator, faults } = openLocator({ cooldownMs: 60_000 });
    await server.kill();
    try {
      const requests = Array.from({ length: 300 }, (_, n) => locate(locator, `user${n}`, '10'));
      const settled = await Promise.allSettled(requests);
      expect(settled.every(({ status }) => status === 'rejected')).toBe(true);
      await expect(locate(locator, 'another', '10')).rejects.toMatchObject(UNAVAILABLE);
      expect(faults).toHaveLength(1);
    } finally {
      await server.restart();
    }
    // Even now, as long as the cooldown lasts.
    await expect(locate(locator, 'another', '10')).rejects.toMatchObject(UNAVAILABLE);
  });

  it('may be down when the locator is made', async () => {
    await server.kill();
    const { locator } = openLocator();
    try {
      await expect(locate(locator, 'zed', '10')).rejects.toMatchObject(UNAVAILABLE);
      expect(await locator.sizesOf('default')).toBeUndefined();
    } finally {
      await server.restart();
    }
    expect(await healed(locator, 'zed', '10')).toStrictEqual({ kind: 'missing' });
    expect(await locator.sizesOf('default')).toStrictEqual(DEFAULT_SIZES);
  });

  it.each([
    ['when an instance starts', 300_000],
    ['while an instance runs', 1],
  ])(
    'is found to be back though the sizes are always asked for first: %s',
    async (_, positiveMs) => {
      const { locator } = openLocator({ positiveMs, cooldownMs: 200 });
      if (positiveMs === 1) await locator.sizesOf('default');
      await server.kill();
      try {
        await expect(asRequest(locator, 'zed', '10')).rejects.toMatchObject(UNAVAILABLE);
      } finally {
        await server.restart();
      }
      await expect
        .poll(() => asRequest(locator, 'zed', '10'), { timeout: 5000 })
        .toStrictEqual({ kind: 'missing' });
    },
  );

  it('has what is wrong with it now told, and not what was at first', async () => {
    const { locator } = openLocator({ cooldownMs: 500 });
    await server.kill();
    try {
      await expect(locate(locator, 'zed', '10')).rejects.toThrow('ECONNREFUSED');
    } finally {
      await server.restart();
    }
    await server.run('ALTER ROLE avatar_proxy NOLOGIN');
    try {
      await expect
        .poll(() => locate(locator, 'zed', '10').catch(String), { timeout: 5000 })
        .toContain('SQLSTATE 28000');
      await expect(locate(locator, 'zed', '10')).rejects.toThrow('SQLSTATE 28000');
    } finally {
      await server.run('ALTER ROLE avatar_proxy LOGIN');
    }
  });

  it('leaves the sizes that were known', async () => {
    await server.run(
      "INSERT INTO site_settings (name, data_type, value) VALUES ('avatar_sizes', 8, '50|100')",
      'forum',
    );
    const { locator } = openLocator({ positiveMs: 1 });
    expect(await locator.sizesOf('default')).toStrictEqual([50, 100]);
    await server.kill();
    try {
      await sleep(2);
      expect(await locator.sizesOf('default')).toStrictEqual([50, 100]);
    } finally {
      await server.restart();
    }
  });
});

describe('a database that hangs', () => {
  it('is given up after a while, and asked again once it goes on', async () => {
    const { locator } = openLocator();
    const known = await locate(locator, 'löwe', '20');
    await server.freeze();
    try {
      expect(await locate(locator, 'löwe', '20')).toStrictEqual(known);
      const refused = await Promise.allSettled(
        ['zed', 'anna.b-c_d', 'other', 'a', 'b', 'c'].map((name) => locate(locator, name, '1')),
      );
      for (const outcome of refused) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: UNAVAILABLE });
      }
    } finally {
      server.thaw();
    }
    expect(await healed(locator, 'zed', '10')).toStrictEqual({ kind: 'missing' });
  });
});

describe('a directory whose database hangs', () => {
  it('lets one question at a time find out whether it still does', async () => {
    const proxy = await startTcpProxy(server.port);
    const directory = new Directory({
      site: 'default',
      database: server.url('forum', 'avatar_proxy').replace(`:${server.port}/`, `:${proxy.port}/`),
      connectTimeoutMs: 300,
      statementTimeoutMs: 300,
    });
    onTestFinished(async () => {
      await directory.close();
      await proxy.stop();
    });
    await directory.lookUp('bob', 10);
    proxy.inject({ kind: 'hang' });
    await expect(directory.lookUp('bob', 10)).rejects.toMatchObject(UNAVAILABLE);

    // The cooldown is over: one finds out, and is waited for by nobody.
    moveClock(1000);
    const ended: string[] = [];
    const ask = async (name: string): Promise<void> => {
      const failure: unknown = await directory.lookUp('bob', 10).catch((error: unknown) => error);
      expect(failure).toMatchObject(UNAVAILABLE);
      ended.push(name);
    };
    const both = [ask('who finds out'), ask('the other')];
    await new Promise(setImmediate);
    expect(ended).toEqual(['the other']);
    await Promise.all(both);
  });
});

describe('a locator whose database hangs', () => {
  it('can be closed', async () => {
    const { locator } = openLocator();
    await locate(locator, 'löwe', '20');
    await server.freeze();
    try {
      await expect(locator.close()).resolves.toBeUndefined();
    } finally {
      server.thaw();
    }
  });
});

describe('a connection that is cut while idle', () => {
  it('is reported and replaced', async () => {
    const { locator, faults } = openLocator();
    await locate(locator, 'löwe', '20');
    await server.run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'avatar-proxy'",
    );
    while (faults.length === 0) await sleep(5);
    expect(faults[0]).toMatchObject(UNAVAILABLE);
    expect(await locate(locator, 'zed', '10')).toStrictEqual({ kind: 'missing' });
  });
});

describe('a locator that was closed', () => {
  it('serves what it knows and refuses the rest', async () => {
    const { locator } = openLocator();
    const known = await locate(locator, 'löwe', '20');
    await locator.close();
    expect(await locate(locator, 'löwe', '20')).toStrictEqual(known);
    await expect(locate(locator, 'zed', '10')).rejects.toMatchObject(UNAVAILABLE);
  });
});
