/** A forum moves from Tokyo to Seoul: another bucket in another region, and nobody loses a face. */
import {
  CopyObjectCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { insertUpload, insertUser, storedKey } from '../support/discourse-database.ts';
import { avatar, pictureOf, type Reply, see, storeOf, useForum } from './fixture.ts';

const TOKYO = '//forum-tokyo.s3.dualstack.ap-northeast-1.amazonaws.com';
const SHA1 = 'b33b4c1f9a0e5d7c2f6e8a9b0c1d2e3f4a5b6c7d';

/** Of every depth Discourse has had, by id of the upload. */
const KEYS: Readonly<Record<number, string>> = {
  900: `original/1X/0${SHA1.slice(1)}.png`,
  15_000: `original/2X/1/1${SHA1.slice(1)}.png`,
  200_000: `original/3X/b/3/${SHA1}.png`,
  3_000_000: `original/4X/c/3/3/c${SHA1.slice(1)}.png`,
};
const IDS = Object.keys(KEYS).map(Number);

const ROWS = IDS.map((id) => {
  const url = `${TOKYO}/${KEYS[id] ?? ''}`;
  return `${insertUpload({ id, url })}${insertUser(id, `user${id}`, id)}
    UPDATE uploads SET sha1 = md5('${id}') || '00000000' WHERE id = ${id};
    INSERT INTO optimized_images (sha1, extension, width, height, upload_id, url)
    VALUES (md5('${id}'), '.png', 48, 48, ${id},
            '${url.replace('original', 'optimized').replace('.png', '_2_48x48.png')}');\n`;
}).join('');

const TABLES = ['users', 'uploads', 'user_avatars', 'optimized_images', 'site_settings'];

const ON_DISK =
  insertUpload({ id: 77, url: `/uploads/default/${storedKey(77)}` }) + insertUser(77, 'old', 77);

/** As Discourse has written them over the years: all of them are of buckets long gone. */
const FORMS = [
  '//old.s3.dualstack.us-east-1.amazonaws.com/KEY',
  '//old.s3.us-west-2.amazonaws.com/KEY',
  '//old.s3.amazonaws.com/KEY',
  '//old.s3.cn-north-1.amazonaws.com.cn/KEY',
  '//old.fra1.digitaloceanspaces.com/KEY',
  'https://old.s3.amazonaws.com/KEY',
  'http://old.s3.amazonaws.com/KEY',
  '//s3.amazonaws.com/old/KEY',
  '//s3-eu-west-1.amazonaws.com/old/KEY',
  '//s3.dualstack.eu-west-1.amazonaws.com/old/KEY',
];
const OF_FORMS = FORMS.map((form, index) => {
  const id = 500 + index;
  const url = form.replace('KEY', storedKey(id));
  return insertUpload({ id, url }) + insertUser(id, `form${index}`, id);
}).join('');

const forum = useForum(ROWS + ON_DISK + OF_FORMS);

describe('a forum whose bucket moves', () => {
  it('shows every avatar from the new one, with the database as it was', async () => {
    const { s3, start } = forum();
    const owner = new S3Client({
      endpoint: inject('s3').endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
    });
    const tokyo = await s3.createBucket('forum-tokyo');
    for (const id of IDS) await s3.put(tokyo, KEYS[id] ?? '', await pictureOf(id, 288));
    const dump = await dumpTables();

    const before = await start({ AVATAR_ORIGINALS: storeOf(s3, tokyo) });
    const shown = await askForAll(before);
    expect(shown.map(({ statusCode }) => statusCode)).toEqual(IDS.map(() => 200));

    // Copying takes its time: until it is done, what is not in the one bucket is in the other.
    const seoul = await s3.createBucket('forum-seoul');
    await copy(owner, { from: tokyo, to: seoul, keys: (await keysIn(owner, tokyo)).slice(2) });
    const both = `${storeOf(s3, seoul)} ${storeOf(s3, tokyo)}`;
    const during = await askForAll(await start({ AVATAR_ORIGINALS: both }));
    expect(during.map(({ headers }) => headers['etag'])).toEqual(
      shown.map(({ headers }) => headers['etag']),
    );

    await copy(owner, { from: tokyo, to: seoul, keys: await keysIn(owner, tokyo) });
    await deleteAll(owner, tokyo);
    const missing = new GetObjectCommand({ Bucket: tokyo, Key: KEYS[900] });
    await expect(owner.send(missing)).rejects.toMatchObject({ name: 'NoSuchBucket' });

    // Who has not been told of the move is not given a blank picture to cache, but an error, and the
    // log says what to do.
    const untold = await start({ AVATAR_ORIGINALS: storeOf(s3, tokyo) });
    for (const reply of await askForAll(untold)) {
      expect(await see(reply)).toMatchObject({ status: 502, cacheControl: 'no-store' });
    }
    expect(untold.lines.at(-1)?.['reason']).toContain('AVATAR_ORIGINALS');

    const after = await start({ AVATAR_ORIGINALS: storeOf(s3, seoul) });
    const reads = s3.requests();
    const moved = await askForAll(after);
    for (const [index, id] of IDS.entries()) {
      const reply = moved[index];
      expect(reply && (await see(reply))).toMatchObject({
        ...avatar(id, 96),
        lastModified: 'Thu, 29 Feb 2024 12:34:56 GMT',
      });
      // The same bytes under the same tag: what a CDN has stays good.
      expect(reply?.rawPayload).toEqual(shown[index]?.rawPayload);
      expect(reply?.headers['etag']).toBe(shown[index]?.headers['etag']);
    }
    // The key of the URL is right at once: nothing is tried.
    expect(s3.requests() - reads).toBe(IDS.length);
    expect(await dumpTables()).toBe(dump);
    owner.destroy();
  });
});

describe('a forum whose uploads were on the disk of its web host', () => {
  // As `rsync` leaves them in a folder, as they were below `public/`, and as Discourse's own task does.
  it.each([
    ['in a folder of the bucket', `old/disk/uploads/default/${storedKey(77)}`, 'old/disk'],
    ['as they were', `uploads/default/${storedKey(77)}`, ''],
    ['without their folder', storedKey(77), ''],
  ])('shows them from a bucket they were copied to: %s', async (_how, key, prefix) => {
    const { s3, start } = forum();
    const bucket = await s3.createBucket('disk');
    await s3.put(bucket, key, await pictureOf(77));
    const app = await start({
      AVATAR_ORIGINALS: storeOf(s3, bucket),
      AVATAR_DISCOURSE_LOCAL_PREFIX: prefix,
    });
    const reply = await app.server.inject('/user_avatar/forum.example.org/old/96/77_2.png');
    expect(await see(reply)).toMatchObject(avatar(77, 96));
  });
});

describe('a URL of any form', () => {
  let app: TestApp | undefined;

  it.each(FORMS.map((form, index) => [form, index] as const))(
    '%s means the key in the bucket there is now, and no other is tried',
    async (_form, index) => {
      const { s3, bucket, start } = forum();
      const id = 500 + index;
      await s3.put(bucket, storedKey(id), await pictureOf(id));
      app ??= await start();
      const reads = s3.requests();
      const reply = await app.server.inject(`/user_avatar/default/form${index}/48/${id}_2.png`);
      expect(await see(reply)).toMatchObject(avatar(id, 48));
      expect(s3.requests() - reads).toBe(1);
    },
  );
});

async function askForAll(app: TestApp): Promise<Reply[]> {
  return await Promise.all(
    IDS.map((id) => app.server.inject(`/user_avatar/forum.example.org/user${id}/96/${id}_2.png`)),
  );
}

async function dumpTables(): Promise<string> {
  const tables = TABLES.map((table) =>
    forum().postgres.run(`SELECT * FROM ${table} ORDER BY id`, 'forum'),
  );
  const dump = await Promise.all(tables);
  expect(dump.map((rows) => rows.length)).not.toContain(0);
  return JSON.stringify(dump);
}

async function keysIn(owner: S3Client, bucket: string): Promise<string[]> {
  const { Contents = [] } = await owner.send(new ListObjectsV2Command({ Bucket: bucket }));
  return Contents.map(({ Key }) => Key ?? '');
}

type Copying = { readonly from: string; readonly to: string; readonly keys: readonly string[] };

async function copy(owner: S3Client, { from, to, keys }: Copying): Promise<void> {
  for (const key of keys) {
    await owner.send(new CopyObjectCommand({ Bucket: to, Key: key, CopySource: `${from}/${key}` }));
  }
}

async function deleteAll(owner: S3Client, bucket: string): Promise<void> {
  for (const key of await keysIn(owner, bucket)) {
    await owner.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  }
  await owner.send(new DeleteBucketCommand({ Bucket: bucket }));
}
