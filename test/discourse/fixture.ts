/**
 * A forum as it runs: Discourse's database in PostgreSQL, its uploads in S3, the service on both. Each
 * upload is a picture of a colour of its own, so that a look at a reply tells whose it is.
 */
import { afterAll, beforeAll, expect, inject } from 'vitest';
import sharp from 'sharp';
import { NOBODY } from '../../src/avatar/stand-in.ts';
import { startApp, type TestApp } from '../support/app.ts';
import type { Rgb } from '../support/cards.ts';
import { discourseSchema, GRANTS, PEOPLE, storedKey } from '../support/discourse-database.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { connectS3, type TestS3 } from '../support/s3-server.ts';

export const CDN = 'https://cdn.example.org';

export type Reply = Awaited<ReturnType<TestApp['server']['inject']>>;

type Forum = {
  readonly postgres: PostgresServer;
  readonly s3: TestS3;
  readonly bucket: string;
  /** What the service is configured with, where a test says nothing else. */
  readonly variables: Readonly<Record<string, string>>;
  /** The service, closed after the tests of this file. */
  readonly start: (variables?: Readonly<Record<string, string>>) => Promise<TestApp>;
};

/**
 * The database `forum` with `PEOPLE`, asked as the role of `grants.sql`, and their uploads in a bucket.
 *
 * @param sql run in the database after that
 * @param uploads further ones to be put into the bucket, by id
 */
export function useForum(sql = '', uploads: readonly number[] = []): () => Forum {
  const apps: TestApp[] = [];
  let forum: Forum | undefined;

  beforeAll(async () => {
    const [postgres, s3] = await Promise.all([startPostgres(), connectS3(inject('s3'))]);
    await postgres.createDatabase('forum', discourseSchema() + PEOPLE + sql + GRANTS);
    const bucket = await s3.createBucket('forum');
    for (const id of [10, 11, 12, 20, 30, 40, 9999, ...uploads]) {
      await s3.put(bucket, storedKey(id), await pictureOf(id));
    }
    process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
    const standard = {
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: postgres.url('forum', 'avatar_proxy'),
      AVATAR_ORIGINALS: storeOf(s3, bucket),
      AVATAR_CDN_URL: CDN,
    };
    forum = {
      postgres,
      s3,
      bucket,
      variables: standard,
      async start(variables = {}) {
        const app = await startApp({ ...standard, ...variables });
        apps.push(app);
        return app;
      },
    };
  }, 60_000);

  afterAll(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await forum?.postgres.stop();
    await forum?.s3.stop();
  });

  return () => {
    if (forum === undefined) throw new Error('only within a test');
    return forum;
  };
}

/** A value for `AVATAR_ORIGINALS`. */
export function storeOf({ endpoint }: Pick<TestS3, 'endpoint'>, path: string): string {
  return `s3://${path}?region=us-east-1&endpoint=${endpoint}`;
}

/** A flat picture, of another colour for each upload. */
export async function pictureOf(upload: number, width = 64, height = width): Promise<Buffer> {
  const [r, g, b] = colourOf(upload);
  return await sharp({ create: { width, height, channels: 3, background: { r, g, b } } })
    .png()
    .toBuffer();
}

export function colourOf(upload: number): Rgb {
  return [(upload * 67) % 256, (upload * 129) % 256, (upload * 31) % 256];
}

/** A reply as a reader of the forum has it. */
export type Seen = {
  readonly status: number;
  readonly type: string | undefined;
  readonly cacheControl: string | undefined;
  readonly lastModified: string | undefined;
  readonly location: string | undefined;
  /** The colour in the middle of the picture, if there is one. */
  readonly colour: Rgb | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
};

export async function see({
  statusCode: status,
  headers,
  rawPayload,
}: Pick<Reply, 'statusCode' | 'headers' | 'rawPayload'>): Promise<Seen> {
  const header = (name: string): string | undefined => headers[name]?.toString();
  const isPicture = status === 200 && header('content-type')?.startsWith('image/') === true;
  return {
    status,
    type: header('content-type'),
    cacheControl: header('cache-control'),
    lastModified: header('last-modified'),
    location: header('location'),
    ...(isPicture ? await lookAtMiddle(rawPayload) : NOTHING),
  };
}

const NOTHING = { colour: undefined, width: undefined, height: undefined };

async function lookAtMiddle(
  picture: Buffer,
): Promise<{ colour: Rgb; width: number; height: number }> {
  const { data, info } = await sharp(picture)
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const at = (Math.floor(height / 4) * width + Math.floor(width / 10)) * channels;
  return { colour: [data[at] ?? -1, data[at + 1] ?? -1, data[at + 2] ?? -1], width, height };
}

/** Of Discourse's own replies with a picture that is somebody's. */
export const YEAR = 'max-age=31556952, public, immutable';
export const TEN_MINUTES = 'public, max-age=600';
export const DATE_OF_BLANK = 'Mon, 01 Jan 1990 00:00:00 GMT';

/** What `toMatchObject` is to find in what `see` gives. */
export type Expected = { readonly [Key in keyof Seen]?: unknown };

/** The avatar of an upload. */
export function avatar(upload: number, size: number): Expected {
  return {
    status: 200,
    cacheControl: YEAR,
    colour: near(colourOf(upload)),
    width: size,
    height: size,
  };
}

/** The picture of nobody. */
export const BLANK: Expected = {
  status: 200,
  type: 'image/png',
  cacheControl: TEN_MINUTES,
  lastModified: DATE_OF_BLANK,
  colour: near(NOBODY.colour),
};

/** A redirect to this path on the CDN. */
export function elsewhere(path: string): Expected {
  return { status: 302, location: CDN + path };
}

/** Encoders may change a colour a little. */
export function near(colour: Rgb): unknown[] {
  return colour.map((value): unknown => expect.closeTo(value, -1));
}
