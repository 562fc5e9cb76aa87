/** Variants of a forum that instances share. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VariantStore } from '../../src/variants/store.ts';
import { insertUpload, insertUser, storedKey } from '../support/discourse-database.ts';
import { openVariants } from '../variants/s3.fixture.ts';
import { avatar, type Reply, see, storeOf, useForum, YEAR } from './fixture.ts';

const { signal: never } = new AbortController();
const DRAWING = '<svg xmlns="http://www.w3.org/2000/svg"><rect width="8" height="8"/></svg>';
/** As Discourse writes it, and as an old post may have it. */
const CANONICAL = 'user_avatar/forum.example.org/bob/45/10_2.png';
const OLD = '/user_avatar/Forum.Example.org/BOB/45/10_1.png';

// Other sizes than Discourse's own, which only the database tells.
const SIZES =
  "INSERT INTO site_settings (name, data_type, value) VALUES ('avatar_sizes', 8, '45|90');\n";

const forum = useForum(
  SIZES + insertUpload({ id: 102, extension: 'svg' }) + insertUser(102, 'u102', 102),
);
let variables: Record<string, string>;
let store: VariantStore;
let made: Reply;

beforeAll(async () => {
  const { s3, bucket, start } = forum();
  await s3.put(bucket, storedKey(102, 'svg'), Buffer.from(DRAWING));
  variables = { AVATAR_VARIANTS: storeOf(s3, `${bucket}/variants`) };
  store = openVariants(s3, bucket, { prefix: 'variants/' });
  const app = await start(variables);
  made = await app.server.inject(OLD);
  // Closing writes what waits.
  await app.close();
});

afterAll(() => store.close());

function essence({ statusCode, headers, rawPayload }: Reply): unknown {
  const { date: _, 'cache-status': __, connection: ___, ...rest } = headers;
  return { statusCode, headers: rest, bytes: rawPayload.toString('base64') };
}

describe('a variant of a forum', () => {
  it('is kept under its canonical address, as Discourse sends it', async () => {
    expect(await see(made)).toMatchObject({ ...avatar(10, 45), cacheControl: YEAR });
    const kept = await store.describe(CANONICAL, never);
    expect(kept?.variant).toMatchObject({ format: 'png', asked: 'original' });
    expect(`"${kept?.variant?.etag}"`).toBe(made.headers['etag']);
  });

  it('is the same from another instance, at whichever of its addresses', async () => {
    const app = await forum().start(variables);
    expect(essence(await app.server.inject(`/${CANONICAL}`))).toEqual(essence(made));
    expect(essence(await app.server.inject(OLD))).toEqual(essence(made));
    expect(await app.metric('avatar_rendered_variants_total')).toBe(0);
  });

  it('is served while neither the database nor the uploads can be reached', async () => {
    const app = await forum().start({
      ...variables,
      AVATAR_DISCOURSE_URL: 'postgres://x@127.0.0.1:1/none',
      AVATAR_ORIGINALS: storeOf({ endpoint: 'http://127.0.0.1:1' }, 'nowhere'),
    });
    expect(essence(await app.server.inject(`/${CANONICAL}`))).toEqual(essence(made));
    const other = CANONICAL.replace('bob', 'anna.b-c_d').replace('10_2', '30_2');
    expect((await app.server.inject(`/${other}`)).statusCode).toBe(503);
  });

  it('that is a drawing is not kept: there is nothing to render', async () => {
    const app = await forum().start(variables);
    const address = CANONICAL.replace('bob', 'u102').replace('10_2', '102_2');
    const reply = await app.server.inject(`/${address}`);
    expect(reply.headers['content-type']).toBe('image/svg+xml');
    expect(await app.metric('avatar_shared_variant_writes_waiting')).toBe(0);
    expect(await store.describe(address, never)).toBeUndefined();
  });

  it('is no longer found when the user has another avatar', async () => {
    const app = await forum().start(variables);
    await forum().postgres.run('UPDATE users SET uploaded_avatar_id = 20 WHERE id = 1', 'forum');
    await forum().postgres.run(
      'UPDATE user_avatars SET custom_upload_id = 20, gravatar_upload_id = NULL WHERE user_id = 1',
      'forum',
    );
    const reply = await app.server.inject(`/${CANONICAL}`);
    expect(reply.statusCode).toBe(302);
    expect(reply.headers['location']).toContain('/bob/45/20_2.png');
  });
});
