/** Three instances of one configuration that share a bucket of variants, and what tests ask of them. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject } from 'vitest';
import { sharedKey } from '../src/avatar/shared-key.ts';
import type { VariantStore } from '../src/variants/store.ts';
import { startApp, type TestApp } from './support/app.ts';
import { card } from './support/cards.ts';
import { connectS3, type TestS3 } from './support/s3-server.ts';
import { openVariants } from './variants/s3.fixture.ts';

export const WRONG_SECRET = '<Error><Code>SignatureDoesNotMatch</Code></Error>';

export type Reply = Awaited<ReturnType<TestApp['server']['inject']>>;

type Place = {
  /** Each with a proxy of its own, so that one can break while the other does not. */
  readonly originals: TestS3;
  readonly variants: TestS3;
  readonly bucket: string;
  readonly store: VariantStore;
  readonly first: TestApp;
  readonly second: TestApp;
  readonly third: TestApp;
};

type Fixture = Place & {
  /** Nobody has asked for this user's avatar before. */
  readonly user: string;
  readonly path: string;
  /** One more instance, closed after the tests. */
  readonly start: (variables?: Record<string, string>) => Promise<TestApp>;
  readonly storeAt: (s3: TestS3, folder: string) => string;
  readonly putOriginal: (user: string, bytes: Buffer) => Promise<void>;
  readonly get: (app: TestApp, url?: string, headers?: Record<string, string>) => Promise<Reply>;
  /** Asks for a variant that nobody has rendered before, and waits until it has reached the store. */
  readonly rendered: (
    app: TestApp,
    url?: string,
    headers?: Record<string, string>,
  ) => Promise<Reply>;
  /** So many avatars that the first instance has put into the store. */
  readonly renderedByFirst: (howMany: number) => Promise<string[]>;
  /** How the requests for an avatar ended. */
  readonly outcomes: (app: TestApp, url?: string) => unknown[];
};

/** Started for the tests of one file, with another user for each. */
export function useSharingInstances(): () => Fixture {
  const apps: TestApp[] = [];
  let place: Place | undefined;
  let count = 0;

  const found = (): Place => {
    if (place === undefined) throw new Error('only within a test');
    return place;
  };

  const fixture = (): Fixture => {
    const there = found();
    const user = `user${count}`;
    const path = `/user_avatar/h.example/${user}/90/5_1.png`;
    const putOriginal = putInto(there);
    const get: Fixture['get'] = async (app, url = path, headers = {}) =>
      await app.server.inject({ url, headers });
    const rendered: Fixture['rendered'] = async (app, url, headers) => {
      const before = await app.metric('avatar_shared_variant_writes_total');
      const reply = await get(app, url, headers);
      await expect
        .poll(() => app.metric('avatar_shared_variant_writes_total'), { timeout: 10_000 })
        .toBe(before + 1);
      return reply;
    };
    return {
      ...there,
      user,
      path,
      start: async (variables) => await startIn(there, apps, variables),
      storeAt: (s3, folder) => storeAt(s3, there.bucket, folder),
      putOriginal,
      get,
      rendered,
      renderedByFirst: async (howMany) => {
        const picture = await cardOf(60, 60);
        const users = Array.from({ length: howMany }, (_, index) => `${user}-${index}`);
        for (const each of users) await putOriginal(each, picture);
        const paths = users.map((each) => path.replace(user, each));
        for (const url of paths) await rendered(there.first, url);
        return paths;
      },
      outcomes: (app, url = path) =>
        app.lines.filter((line) => line['path'] === url).map(({ outcome }) => outcome),
    };
  };

  beforeAll(async () => {
    const server = inject('s3');
    const [originals, variants] = await Promise.all([connectS3(server), connectS3(server)]);
    process.env['AWS_ACCESS_KEY_ID'] = originals.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = originals.secretAccessKey;
    const bucket = await originals.createBucket('shared');
    const store = openVariants(variants, bucket, { prefix: 'variants/' });
    const stores = { originals, variants, bucket };
    const [first, second, third] = await Promise.all([
      startIn(stores, apps),
      startIn(stores, apps),
      startIn(stores, apps),
    ]);
    place = { ...stores, store, first, second, third };
  });

  beforeEach(async () => {
    count += 1;
    const { user, putOriginal } = fixture();
    await putOriginal(user, await cardOf(200, 200));
  });

  afterEach(() => {
    place?.originals.proxy.heal();
    place?.variants.proxy.heal();
  });

  afterAll(async () => {
    place?.store.close();
    await Promise.all(apps.map((app) => app.close()));
    await Promise.all([place?.originals.stop(), place?.variants.stop()]);
  });

  return fixture;
}

type Stores = Pick<Place, 'originals' | 'variants' | 'bucket'>;

async function startIn(
  { originals, variants, bucket }: Stores,
  apps: TestApp[],
  variables: Record<string, string> = {},
): Promise<TestApp> {
  const app = await startApp({
    AVATAR_ORIGINALS: storeAt(originals, bucket, 'originals'),
    AVATAR_VARIANTS: storeAt(variants, bucket, 'variants'),
    ...variables,
  });
  apps.push(app);
  return app;
}

function storeAt({ endpoint }: TestS3, bucket: string, folder: string): string {
  return `s3://${bucket}/${folder}?region=us-east-1&endpoint=${endpoint}`;
}

function putInto({ originals, bucket }: Stores): Fixture['putOriginal'] {
  return async (user, bytes) => {
    await originals.put(bucket, `originals/h.example/${user}/5_1`, bytes);
  };
}

export async function cardOf(width: number, height: number): Promise<Buffer> {
  return await card(width, height).png({ compressionLevel: 1 }).toBuffer();
}

/** How many look-ups ended so while something was done. */
export async function during(
  app: TestApp,
  result: string,
  work: () => Promise<unknown>,
): Promise<number> {
  const results = (): Promise<number> => app.metric('avatar_shared_variants_total', { result });
  const before = await results();
  await work();
  return (await results()) - before;
}

/** A reply without what tells how it came about. */
export function essence({ statusCode, headers, rawPayload }: Reply): unknown {
  const { date: _, 'cache-status': __, connection: ___, ...rest } = headers;
  return { statusCode, headers: rest, bytes: rawPayload.toString('base64') };
}

export function keyOf(address: string): string {
  return sharedKey(address, 'png', 'png') ?? '';
}
