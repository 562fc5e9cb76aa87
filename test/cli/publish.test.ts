import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { PROFILE_VERSIONS } from '../../src/render/profiles.ts';
import { card } from '../support/cards.ts';
import { linesOf, startCommand } from '../support/commands.ts';
import {
  discourseSchema,
  insertUpload,
  insertUser,
  storedKey,
} from '../support/discourse-database.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { openVariants, variantOf } from '../variants/s3.fixture.ts';
import { openPublishing, type Publishing, rendersOf } from './publish.fixture.ts';

let place: Publishing;
let variablesFor: Publishing['variablesFor'];
let put: Publishing['put'];
let publish: Publishing['publish'];
let start: Publishing['start'];

beforeAll(async () => {
  place = await openPublishing();
  ({ variablesFor, put, publish, start } = place);
});

afterAll(() => place.close());

describe('publish', () => {
  it('makes every listed size, so that a service started later renders none', async () => {
    const variables = variablesFor('all');
    for (const [user, width] of [
      ['amy', 40],
      ['Łukasz 🦉', 300],
      ['big', 1500],
    ] as const) {
      await put('all', `example.org/${user}/1`, await card(width, width).jpeg().toBuffer());
    }
    const ran = await publish(variables);
    expect(linesOf(ran).at(-1)).toMatchObject({ avatars: 3, stored: 9, fresh: 0, broken: 0 });
    expect(ran.code).toBe(0);

    const [app, fresh] = [
      await start(variables),
      await start({ ...variables, AVATAR_VARIANTS: '' }),
    ];
    for (const user of ['amy', 'Łukasz 🦉', 'big']) {
      for (const size of [24, 48, 96]) {
        const url = `/user_avatar/example.org/${encodeURIComponent(user)}/${size}/1.png`;
        const [published, rendered] = [
          await app.server.inject(url),
          await fresh.server.inject(url),
        ];
        expect(published.statusCode).toBe(200);
        expect(published.rawPayload.equals(rendered.rawPayload)).toBe(true);
        for (const name of ['etag', 'last-modified', 'content-type', 'cache-control']) {
          expect(published.headers[name]).toBe(rendered.headers[name]);
        }
      }
    }
    // For who serves the bucket itself, with no service behind it.
    for (const size of [24, 48, 96]) {
      const key = `all-variants/user_avatar/example.org/amy/${size}/1.png`;
      expect(await place.object(key)).toMatchObject({
        ContentType: 'image/png',
        CacheControl: 'public, max-age=31536000, immutable',
      });
    }
    expect(await rendersOf(fresh)).toBe(9);
    expect(await rendersOf(app)).toBe(0);
  });

  it('leaves what is there and fresh, and makes anew what is of another original', async () => {
    const variables = variablesFor('again');
    await put('again', 'example.org/amy/1', await card(64, 64).png().toBuffer());
    await put('again', 'example.org/bob/1', await card(64, 64).png().toBuffer());
    expect(linesOf(await publish(variables)).at(-1)).toMatchObject({ stored: 6, fresh: 0 });
    expect(linesOf(await publish(variables)).at(-1)).toMatchObject({ stored: 0, fresh: 6 });
    await put('again', 'example.org/bob/1', await card(80, 80).png().toBuffer());
    expect(linesOf(await publish(variables)).at(-1)).toMatchObject({ stored: 3, fresh: 3 });
    const more = await publish(variables, '--sizes', '48 72', '--formats', 'webp');
    expect(linesOf(more).at(-1)).toMatchObject({ stored: 6, fresh: 2 });
    // Neither end of the list is there, but one between is.
    const between = await publish(variables, '--sizes', '20 48 72 200');
    expect(linesOf(between).at(-1)).toMatchObject({ stored: 4, fresh: 4 });
    await put('again', 'example.org/amy/1', await card(90, 90).png().toBuffer());
    const replaced = await publish(variables, '--sizes', '16 48 72 300');
    expect(linesOf(replaced).at(-1)).toMatchObject({ stored: 6, fresh: 2 });
    const one = await publish(variables, '--user', 'amy', '--sizes', '120');
    expect(linesOf(one).at(-1)).toMatchObject({ avatars: 1, stored: 1, fresh: 0 });
  });

  it('renders nothing in place of what an encoder of a later version has made', async () => {
    const { s3, bucket } = place;
    const variables = { ...variablesFor('later'), AVATAR_SIZES: '24' };
    await put('later', 'example.org/amy/1', await card(64, 64).png().toBuffer());
    const store = openVariants(s3, bucket, { prefix: 'later-variants/' });
    const key = 'user_avatar/example.org/amy/24/1.png';
    const later = variantOf('later', { etag: `png${PROFILE_VERSIONS.png + 1}-24-abc` });
    const { signal } = new AbortController();
    await store.put(key, later, { signal });
    let puts = 0;
    const unless = ({ method }: IncomingMessage): boolean => {
      if (method === 'PUT') puts += 1;
      return true;
    };
    s3.proxy.inject({ kind: 'reset' }, { unless });
    const ran = await publish(variables).finally(() => s3.proxy.heal());
    expect(linesOf(ran).at(-1)).toMatchObject({ stored: 0, fresh: 1, broken: 0 });
    expect(puts).toBe(0);
    expect((await store.read(key, signal))?.variant).toEqual(later);
    store.close();
  });

  it('tells of avatars that are broken, and goes on with the others', async () => {
    const variables = variablesFor('broken');
    await put('broken', 'example.org/amy/1', Buffer.from('nothing'));
    await put('broken', 'example.org/bob/1', await card(64, 64).png().toBuffer());
    const ran = await publish(variables);
    expect(ran.code).toBe(1);
    expect(linesOf(ran)).toContainEqual(
      expect.objectContaining({ event: 'broken', user: 'amy', cause: 'original_not_an_image' }),
    );
    expect(linesOf(ran).at(-1)).toMatchObject({ avatars: 2, stored: 3, broken: 1 });
  });

  it('goes on where it was killed, and leaves no file when it is done', async () => {
    const variables = variablesFor('killed');
    const users = 120;
    const picture = await card(16, 16).png().toBuffer();
    for (let user = 0; user < users; user += 1) {
      await put('killed', `example.org/user${user}/1`, picture);
    }
    const state = join(place.folder, 'killed.state');
    const args = ['publish', '--json', '--sizes', '24', '--state', state];
    const given = { ...s3Variables(), ...variables };
    const running = startCommand([...args, '--rate', '25'], given);
    await expect.poll(() => visitedIn(state), POLL).toBeGreaterThan(0);
    running.child.kill('SIGKILL');
    await running.ended;
    const visited = await visitedIn(state);
    expect(visited).toBeLessThan(users);
    const rest = startCommand([...args, '--rate', '100000'], given);
    expect(await rest.ended).toBe(0);
    const lines = linesOf(rest.output());
    expect(lines[0]).toMatchObject({ event: 'begin', checked: visited });
    const { avatars, stored, fresh } = lines.at(-1) ?? {};
    expect(avatars).toBe(users);
    expect(Number(stored) + Number(fresh)).toBe(users);
    await expect(readFile(state)).rejects.toThrow('ENOENT');
    expect(linesOf(await publish(variables, '--sizes', '24')).at(-1)).toMatchObject({
      stored: 0,
      fresh: users,
    });
  }, 60_000);

  it('goes on neither at another server nor after the encoders have changed', async () => {
    const { bucket, s3 } = place;
    const variables = variablesFor('stopped');
    await put('stopped', 'example.org/amy/1', await card(64, 64).png().toBuffer());
    const args = ['--state', join(place.folder, 'stopped.state')] as const;
    const body = '<Error><Code>InvalidAccessKeyId</Code></Error>';
    s3.proxy.inject({ kind: 'reply', status: 403, body }, { objectsOnly: true });
    expect(await publish(variables, ...args).finally(() => s3.proxy.heal())).toMatchObject({
      code: 2,
    });
    const moved = await startFaultProxy(inject('s3').endpoint);
    const AVATAR_VARIANTS = `s3://${bucket}/stopped-variants?region=us-east-1&endpoint=${moved.endpoint}`;
    const elsewhere = await publish({ ...variables, AVATAR_VARIANTS }, ...args).finally(() =>
      moved.stop(),
    );
    expect(elsewhere).toMatchObject({ code: 2 });
    expect(elsewhere.remarks).toContain('another configuration');

    const left: { of: string } = JSON.parse(await readFile(args[1], 'utf8'));
    const older = { ...PROFILE_VERSIONS, png: PROFILE_VERSIONS.png - 1 };
    const of = left.of.replace(JSON.stringify(PROFILE_VERSIONS), JSON.stringify(older));
    await writeFile(args[1], JSON.stringify({ ...left, of }));
    const newer = await publish(variables, ...args);
    expect(newer).toMatchObject({ code: 2 });
    expect(newer.remarks).toContain('another configuration, selection or version');

    await writeFile(args[1], JSON.stringify(left));
    expect(linesOf(await publish(variables, ...args)).at(-1)).toMatchObject({ stored: 3 });
  });

  it('stores again but what could not be stored, and reads and renders nothing again', async () => {
    const { s3 } = place;
    await put('retried', 'example.org/amy/1', await card(64, 64).png().toBuffer());
    const asked: string[] = [];
    const isSlow = ({ method = '', url = '' }: IncomingMessage): boolean => {
      asked.push(method);
      return method === 'PUT' && !url.includes('/96/1.png');
    };
    s3.proxy.inject({ kind: 'delay', ms: 500 }, { unless: (request) => !isSlow(request) });
    // Once more than the SDK tries; these are not seen by the fault before.
    s3.proxy.inject(
      { kind: 'reply', status: 503 },
      {
        times: 2,
        unless: ({ method, url = '' }) => method !== 'PUT' || !url.includes('/96/1.png'),
      },
    );
    const ran = await publish(variablesFor('retried'), '--formats', 'webp').finally(() =>
      s3.proxy.heal(),
    );
    expect(linesOf(ran).at(-1)).toMatchObject({ stored: 6, fresh: 0, broken: 0 });
    const times = (method: string): number => asked.filter((each) => each === method).length;
    // Both ends of what is wanted are looked at, and the original is read after three listings.
    expect({ head: times('HEAD'), get: times('GET'), put: times('PUT') }).toEqual({
      head: 2,
      get: 4,
      put: 6,
    });
  });

  it('stops when nothing can be stored, though what is there already is answered', async () => {
    const variables = variablesFor('full');
    const picture = await card(16, 16).png().toBuffer();
    await put('full', 'example.org/amy/1', picture);
    expect(await publish(variables)).toMatchObject({ code: 0 });
    await put('full', 'example.org/bob/1', picture);
    const { proxy } = place.s3;
    const body = '<Error><Code>AccessDenied</Code></Error>';
    const unless = ({ method }: IncomingMessage): boolean => method !== 'PUT';
    proxy.inject({ kind: 'reply', status: 403, body }, { unless });
    const ran = await publish(variables).finally(() => proxy.heal());
    expect(ran).toMatchObject({ code: 2 });
    expect(ran.remarks).toContain('s3:PutObject');
  });

  describe('where variants cannot be kept, one original is broken, and twenty are not', () => {
    const users = Array.from({ length: 21 }, (_, user) => `user${user + 10}`);

    beforeAll(async () => {
      const picture = await card(16, 16).png().toBuffer();
      for (const user of users) {
        const bytes = user === 'user15' ? Buffer.alloc(0) : picture;
        await put('unkept', `example.org/${user}/1`, bytes);
      }
    });

    it('blames no avatar for a bucket that is not there', async () => {
      const variables = variablesFor('unkept');
      const AVATAR_VARIANTS = `s3://not-there?region=us-east-1&endpoint=${place.s3.endpoint}`;
      const ran = await publish({ ...variables, AVATAR_VARIANTS });
      expect(ran).toMatchObject({ code: 2 });
      expect(ran.remarks).toContain('no bucket not-there here: create it, or correct AVATAR_VAR');
      expect(linesOf(ran).map(({ event }) => event)).not.toContain('broken');
    });

    it('blames no avatar for a role that may not write, then or in the next run', async () => {
      const variables = variablesFor('unkept');
      const args = ['--state', join(place.folder, 'unkept.state')] as const;
      const { proxy } = place.s3;
      const body = '<Error><Code>AccessDenied</Code></Error>';
      const unless = ({ method }: IncomingMessage): boolean => method !== 'PUT';
      proxy.inject({ kind: 'reply', status: 403, body }, { unless });
      const stopped = await publish(variables, ...args).finally(() => proxy.heal());
      expect(stopped).toMatchObject({ code: 2 });
      expect(stopped.remarks).toMatch(/^no answer for user1\d \(1\): .*s3:PutObject/m);
      expect(linesOf(stopped).map(({ event }) => event)).not.toContain('broken');

      const ran = await publish(variables, ...args);
      expect(ran).toMatchObject({ code: 1 });
      expect(linesOf(ran).filter(({ event }) => event === 'broken')).toMatchObject([
        { user: 'user15', cause: 'original_not_an_image' },
      ]);
      expect(linesOf(ran).at(-1)).toMatchObject({ avatars: 21, broken: 1, stored: 60 });
    });
  });

  it('wants to be told what nothing tells it', async () => {
    const { AVATAR_VARIANTS: _, ...without } = variablesFor('none');
    expect(await publish(without)).toMatchObject({ code: 64 });
    const { AVATAR_SIZES: __, ...any } = variablesFor('none');
    expect((await publish(any)).remarks).toContain('--sizes is needed');
    const hostless = { ...variablesFor('none'), AVATAR_LOCATOR: 'template:{user}/{id}' };
    expect((await publish(hostless)).remarks).toContain('--host is needed');
    expect((await publish(variablesFor('none'), '--formats', 'bmp')).remarks).toContain(
      '--formats',
    );
  });
});

describe('publish of a Discourse forum', () => {
  let postgres: PostgresServer;

  beforeAll(async () => {
    postgres = await startPostgres();
  }, 60_000);

  afterAll(async () => {
    await postgres.stop();
  });

  it("makes the forum's own sizes at the addresses it links to", async () => {
    const sql =
      discourseSchema() +
      insertUpload({ id: 10 }) +
      insertUser(1, 'Bob', 10) +
      "INSERT INTO site_settings (name, data_type, value) VALUES ('avatar_sizes', 8, '32|64');";
    const variables = {
      ...variablesFor('forum'),
      AVATAR_SIZES: '',
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: await postgres.createDatabase('forum', sql),
    };
    await put('forum', storedKey(10), await card(100, 80).png().toBuffer());
    const ran = await publish(variables, '--host', 'forum.example.org');
    expect(linesOf(ran).at(-1)).toMatchObject({ avatars: 1, stored: 2 });
    const app = await start(variables);
    const url = '/user_avatar/forum.example.org/bob/64/10_2.png';
    expect((await app.server.inject(url)).statusCode).toBe(200);
    expect(await rendersOf(app)).toBe(0);
  });

  it('leaves out what is under a host that may be another forum’s some day', async () => {
    const sql = discourseSchema() + insertUpload({ id: 10 }) + insertUser(1, 'Bob', 10);
    const database = await postgres.createDatabase('hostless', sql);
    const AVATAR_SITES = join(place.folder, 'sites.json');
    const sites = [
      { name: 'one', hosts: [], database },
      { name: 'two', hosts: ['two.example.org'], database },
    ];
    await writeFile(AVATAR_SITES, JSON.stringify({ sites, default: 'one' }));
    const variables = {
      ...variablesFor('hostless'),
      AVATAR_LOCATOR: 'discourse',
      AVATAR_SIZES: '48',
      AVATAR_SITES,
    };
    await put('hostless', storedKey(10), await card(100, 80).png().toBuffer());
    const ran = await publish(variables, '--host', 'one.example.org');
    expect(linesOf(ran).at(-1)).toMatchObject({ avatars: 2, stored: 1, leftOut: 1 });
  });
});

const POLL = { timeout: 30_000, interval: 20 };

function s3Variables(): Record<string, string> {
  const { accessKeyId, secretAccessKey } = place.s3;
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
}

async function visitedIn(file: string): Promise<number> {
  const text = await readFile(file, 'utf8').catch(() => '{"counts":{}}');
  const state: { counts: Record<string, number> } = JSON.parse(text);
  return state.counts['visited'] ?? 0;
}
