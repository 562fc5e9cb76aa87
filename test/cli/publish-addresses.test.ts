/** Under whose address `publish` keeps which original, and when it says nothing of either. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { card } from '../support/cards.ts';
import { linesOf } from '../support/commands.ts';
import {
  discourseSchema,
  insertUpload,
  insertUser,
  storedKey,
} from '../support/discourse-database.ts';
import { startPostgres } from '../support/postgres.ts';
import { openPublishing, type Publishing, rendersOf } from './publish.fixture.ts';

const SIZES = [24, 48, 96];

let place: Publishing;
/** Two that differ. */
let one: Buffer;
let other: Buffer;

beforeAll(async () => {
  place = await openPublishing();
  [one, other] = await Promise.all([
    card(64, 64).png().toBuffer(),
    card(64, 64).negate({ alpha: false }).png().toBuffer(),
  ]);
});

afterEach(() => place.s3.proxy.heal());

afterAll(() => place.close());

/** All sizes of an avatar, as a service has them that renders nothing, and as one that renders all. */
async function expectPublished(
  variables: Record<string, string>,
  ...avatars: Array<readonly [host: string, user: string, id: string]>
): Promise<void> {
  const [app, fresh] = await Promise.all([
    place.start(variables),
    place.start({ ...variables, AVATAR_VARIANTS: '' }),
  ]);
  for (const [host, user, id] of avatars) {
    for (const size of SIZES) {
      const url = `/user_avatar/${host}/${user}/${size}/${id}.png`;
      const [published, rendered] = await Promise.all([bytesAt(app, url), bytesAt(fresh, url)]);
      expect(published.equals(rendered), url).toBe(true);
    }
  }
  expect(await rendersOf(app)).toBe(0);
}

async function bytesAt(app: TestApp, url: string): Promise<Buffer> {
  const { statusCode, rawPayload } = await app.server.inject(url);
  expect(statusCode, url).toBe(200);
  return rawPayload;
}

describe('publish keeps a face', () => {
  it("under its own forum's address, and none of a forum that is not served", async () => {
    const variables = place.variablesFor('hosts');
    await place.put('hosts', 'forum.example/sam/5_2', one);
    await place.put('hosts', 'other.example/sam/5_2', other);
    const served = { ...variables, AVATAR_HOSTS: 'forum.example' };
    const ran = await place.publish(served);
    expect(linesOf(ran).at(-1)).toMatchObject({ avatars: 1, stored: 3, passedOver: 1 });
    await expectPublished(served, ['forum.example', 'sam', '5_2']);
    const stray = 'hosts-variants/user_avatar/other.example/sam/24/5_2.png';
    expect(await place.s3.has(place.bucket, stray)).toBe(false);

    const both = linesOf(await place.publish(variables)).at(-1);
    expect(both).toMatchObject({ avatars: 2, stored: 3, fresh: 3 });
    await expectPublished(
      variables,
      ['forum.example', 'sam', '5_2'],
      ['other.example', 'sam', '5_2'],
    );
  });

  it('under the host that was said, only where its key tells none', async () => {
    const variables = {
      ...place.variablesFor('said'),
      AVATAR_LOCATOR: 'template:h/{host}/{user}/{id}|u/{user}/{id}',
    };
    await place.put('said', 'h/a.example/sam/1', one);
    await place.put('said', 'u/amy/1', other);
    const ran = await place.publish(variables, '--host', 'B.example');
    expect(linesOf(ran).at(-1)).toMatchObject({ avatars: 2, stored: 6 });
    await expectPublished(variables, ['a.example', 'sam', '1'], ['b.example', 'amy', '1']);
  });

  it('of the original that requests get, of all alternatives that have one', async () => {
    const variables = {
      ...place.variablesFor('alternatives'),
      AVATAR_LOCATOR: 'template:z/{host}/{user}/{id}|m/{user}/{upload}|a/{host}/{user}/{id}',
      AVATAR_HOSTS: 'h.example',
    };
    // The first alternative is the last in the order of keys, and the other way about.
    await place.put('alternatives', 'z/h.example/amy/1_2', one);
    await place.put('alternatives', 'a/h.example/amy/1_2', other);
    await place.put('alternatives', 'a/h.example/bob/1_2', other);
    await place.put('alternatives', 'm/bob/1', one);
    await place.put('alternatives', 'a/h.example/eve/1_2', other);
    const ran = await place.publish(variables);
    expect(linesOf(ran).at(-1)).toMatchObject({ avatars: 4, stored: 12, passedOver: 1 });
    await expectPublished(
      variables,
      ['h.example', 'amy', '1_2'],
      // Two addresses, for `{upload}` is the same in both; one is found by another key than the other.
      ['h.example', 'bob', '1_2'],
      ['h.example', 'bob', '1'],
      ['h.example', 'eve', '1_2'],
    );
    expect(linesOf(await place.publish(variables)).at(-1)).toMatchObject({ stored: 0, fresh: 12 });
  });
});

describe('publish of several forums', () => {
  it('gives no forum the faces of another, whatever host was said', async () => {
    const postgres = await startPostgres();
    try {
      const forum = (user: string, id: number): string =>
        discourseSchema() + insertUpload({ id }) + insertUser(1, user, id);
      const [first, second] = [
        await postgres.createDatabase('first', forum('Sam', 5)),
        await postgres.createDatabase('second', forum('Sam', 7)),
      ];
      const sites = join(place.folder, 'sites.json');
      const named = { name: 'first', hosts: ['first.example'], database: first };
      const unnamed = { name: 'second', hosts: [], database: second };
      await writeFile(sites, JSON.stringify({ sites: [named, unnamed], default: 'second' }));
      await place.put('sites', storedKey(5), one);
      await place.put('sites', storedKey(7), other);
      const variables = {
        ...place.variablesFor('sites'),
        AVATAR_LOCATOR: 'discourse',
        AVATAR_SITES: sites,
      };
      const wrong = linesOf(await place.publish(variables, '--host', 'first.example')).at(-1);
      expect(wrong).toMatchObject({ avatars: 1, stored: 3, passedOver: 1 });
      // A host that no forum lists may be another's some day: under it nothing is shared.
      const free = linesOf(await place.publish(variables, '--host', 'second.example')).at(-1);
      expect(free).toMatchObject({ avatars: 2, stored: 0, fresh: 3, leftOut: 3, passedOver: 0 });
      await expectPublished(variables, ['first.example', 'sam', '5_2']);
      const kept = (host: string): Promise<boolean> =>
        place.s3.has(place.bucket, `sites-variants/user_avatar/${host}/sam/24/7_2.png`);
      expect(await Promise.all(['first.example', 'second.example'].map(kept))).toEqual([
        false,
        false,
      ]);
      const own = ['--site', 'first', '--host', 'first.example'];
      const refused = await place.publish(variables, ...own);
      expect(refused).toMatchObject({ code: 64 });
      expect(refused.remarks).toContain('--host is for avatars that tell none');
    } finally {
      await postgres.stop();
    }
  }, 60_000);
});

describe('publish refuses', () => {
  it.each([
    ['a host where keys tell it', {}, ['--host', 'a.example'], '--host is for avatars'],
    ['what is no host', {}, ['--host', 'https://a.example'], '--host is one host name'],
    ['two hosts', {}, ['--host', 'a.example b.example'], '--host is one host'],
    ['a rate that is none', {}, ['--rate', 'fast'], '--rate is a number'],
    [
      'keys that tell no upload',
      { AVATAR_LOCATOR: 'template:{host}/{user}.png' },
      [],
      'no alternative with {user} and {id} or {upload}',
    ],
    [
      'keys that tell no user',
      { AVATAR_LOCATOR: 'template:{host}/{upload}.png' },
      [],
      'no alternative with {user} and {id} or {upload}',
    ],
  ])('%s, before it has begun', async (what, more, args, why) => {
    const state = join(place.folder, `${what}.state`);
    await place.put('refused', 'h.example/sam.png', one);
    const variables = { ...place.variablesFor('refused'), ...more };
    const ran = await place.publish(variables, '--state', state, ...args);
    expect(ran).toMatchObject({ code: 64, results: '' });
    expect(ran.remarks).toContain(why);
    // Which would then refuse whoever says it right.
    expect(existsSync(state)).toBe(false);
  });
});

describe('publish of many originals that may not be read', () => {
  it('counts what it stores of the others, though it has to ask for them beforehand', async () => {
    const users = Array.from({ length: 30 }, (_, user) => `user${user + 10}`);
    for (const user of users) await place.put('archived', `a.example/${user}/1`, one);
    const body = '<Error><Code>InvalidObjectState</Code></Error>';
    const archived = users.slice(0, 25);
    place.s3.proxy.inject(
      { kind: 'reply', status: 403, body },
      { objectsOnly: true, unless: ({ url = '' }) => !archived.some((user) => url.includes(user)) },
    );
    const ran = await place.publish(place.variablesFor('archived'));
    expect(ran.code).toBe(1);
    expect(linesOf(ran).at(-1)).toMatchObject({ avatars: 30, broken: 25, stored: 15, fresh: 0 });
  });
});

describe('publish in an outage of the originals', () => {
  it('stops and blames nobody, though hosts that are not served lie between, and then goes on', async () => {
    const variables = {
      ...place.variablesFor('outage'),
      AVATAR_LOCATOR: 'template:{user}/{host}/{id}',
      AVATAR_HOSTS: 'a.example',
    };
    for (let user = 0; user < 3; user += 1) {
      await place.put('outage', `user${user}/a.example/1`, one);
      await place.put('outage', `user${user}/b.example/1`, one);
    }
    const state = join(place.folder, 'outage.state');
    const body = '<Error><Code>InvalidAccessKeyId</Code></Error>';
    place.s3.proxy.inject({ kind: 'reply', status: 403, body }, { objectsOnly: true });
    const stopped = await place.publish(variables, '--state', state);
    expect(stopped.code).toBe(2);
    expect(stopped.remarks).toContain('no answer for user0 (1): ');
    expect(linesOf(stopped).map(({ event }) => event)).toEqual(['begin']);
    expect(existsSync(state)).toBe(true);
    place.s3.proxy.heal();
    const ran = await place.publish(variables, '--state', state);
    expect(ran.code).toBe(0);
    expect(linesOf(ran).at(-1)).toMatchObject({ avatars: 3, stored: 9, broken: 0, passedOver: 3 });
  });
});
