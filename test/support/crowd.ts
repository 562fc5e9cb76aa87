/**
 * A forum of any number of users, each with an original of its own, of which some are broken in
 * known ways: the folder of originals, and the rows of Discourse's database.
 */
import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { discourseSchema } from './discourse-database.ts';
import { png } from './pictures.ts';

export type Crowd = {
  /** For an empty database. */
  readonly sql: string;
  /** By user name, the cause an audit is to find. */
  readonly broken: ReadonlyMap<string, string>;
};

/** What is wrong with whom, in turn. */
const CAUSES = [
  'avatar_missing',
  'original_corrupt',
  'original_not_an_image',
  'original_too_large',
  'original_too_many_pixels',
  // The row of the upload is gone.
  'avatar_missing',
] as const;

/** Of these users every hundredth is broken: 1 %. */
const ONE_IN = 100;

/** @param maxBytes what AVATAR_MAX_ORIGINAL_MB allows */
export async function gatherCrowd(folder: string, users: number, maxBytes: number): Promise<Crowd> {
  const sound = await soundPictures();
  const kinds = [
    undefined,
    (sound[0] ?? Buffer.alloc(0)).subarray(0, 300),
    Buffer.from('<html>an error page somebody saved</html>'),
    Buffer.alloc(maxBytes + 1),
    png({ width: 60_000, height: 60_000 }),
    undefined,
  ];
  mkdirSync(join(folder, 'original', '3X'), { recursive: true });
  const soundFiles = sound.map((bytes, index) => write(join(folder, `sound-${index}`), bytes));
  const brokenFiles = kinds.map((bytes, index) =>
    bytes === undefined ? undefined : write(join(folder, `broken-${index}`), bytes),
  );
  const broken = new Map<string, string>();
  const withoutUpload: number[] = [];
  for (let user = 1; user <= users; user += 1) {
    const kind = user % ONE_IN === 0 ? (user / ONE_IN) % CAUSES.length : undefined;
    const file = kind === undefined ? soundFiles[user % sound.length] : brokenFiles[kind];
    // Links: each has a key of its own, and twenty thousand are there at once.
    if (file !== undefined) linkSync(file, join(folder, 'original', '3X', `${user}.png`));
    if (kind === undefined) continue;
    broken.set(`user${user}`, CAUSES[kind] ?? '');
    if (kind === CAUSES.length - 1) withoutUpload.push(user);
  }
  return { sql: discourseSchema() + rowsOf(users, withoutUpload), broken };
}

function rowsOf(users: number, withoutUpload: readonly number[]): string {
  return `
INSERT INTO uploads (id, user_id, original_filename, filesize, url, created_at, sha1, extension)
  SELECT n, n, 'a.png', 1, '//forum.s3.amazonaws.com/original/3X/' || n || '.png', now(),
         md5(n::text) || '00000000', 'png'
  FROM generate_series(1, ${users}) n WHERE n <> ALL ('{${withoutUpload.join(',')}}'::integer[]);
INSERT INTO users (id, username, username_lower, uploaded_avatar_id)
  SELECT n, 'User' || n, 'user' || n, n FROM generate_series(1, ${users}) n;
INSERT INTO users (id, username, username_lower, uploaded_avatar_id)
  VALUES (-1, 'system', 'system', -1), (1000000, 'Faceless', 'faceless', NULL);
ANALYZE;
`;
}

/** Small, as avatars mostly are, and of all kinds. */
async function soundPictures(): Promise<Buffer[]> {
  const noise = { type: 'gaussian', mean: 120, sigma: 40 } as const;
  const background = { r: 90, g: 120, b: 30 };
  const picture = sharp({ create: { width: 120, height: 90, channels: 3, background, noise } });
  const encoded = [picture.png(), picture.clone().jpeg(), picture.clone().webp()];
  return await Promise.all(encoded.map((each) => each.toBuffer()));
}

function write(file: string, bytes: Buffer): string {
  writeFileSync(file, bytes);
  return file;
}
