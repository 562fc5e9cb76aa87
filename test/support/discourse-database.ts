/** What of Discourse's database matters to avatars: its tables, indexes and a few people. */
import { readFileSync } from 'node:fs';

/** The role `avatar_proxy`, as operators are told to make it: run in a database with the schema. */
export const GRANTS = readFileSync(
  new URL('../../deploy/discourse/grants.sql', import.meta.url),
  'utf8',
);

type SchemaOptions = {
  /** With `user_associated_accounts.avatar_upload_id`, which Discourse has since 2026. */
  readonly associatedAvatars?: boolean;
};

export function discourseSchema({ associatedAvatars = true }: SchemaOptions = {}): string {
  return `
CREATE TABLE users (
  id serial PRIMARY KEY,
  username varchar(60) NOT NULL,
  username_lower varchar(60) NOT NULL,
  name varchar,
  uploaded_avatar_id integer,
  password_hash varchar(64),
  salt varchar(32),
  ip_address inet,
  created_at timestamp NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX index_users_on_username ON users (username);
CREATE UNIQUE INDEX index_users_on_username_lower ON users (username_lower);
CREATE INDEX index_users_on_uploaded_avatar_id ON users (uploaded_avatar_id);

CREATE TABLE user_emails (
  id serial PRIMARY KEY,
  user_id integer NOT NULL,
  email varchar(513) NOT NULL,
  "primary" boolean NOT NULL DEFAULT false
);

CREATE TABLE uploads (
  id serial PRIMARY KEY,
  user_id integer NOT NULL,
  original_filename varchar NOT NULL,
  filesize bigint NOT NULL,
  width integer,
  height integer,
  url varchar NOT NULL,
  created_at timestamp NOT NULL,
  sha1 varchar(40),
  extension varchar(10),
  etag varchar,
  secure boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX index_uploads_on_sha1 ON uploads (sha1);
CREATE INDEX index_uploads_on_extension ON uploads (lower(extension));
CREATE INDEX index_uploads_on_user_id ON uploads (user_id);
CREATE INDEX index_uploads_on_url ON uploads (url);

CREATE TABLE user_avatars (
  id serial PRIMARY KEY,
  user_id integer NOT NULL,
  custom_upload_id integer,
  gravatar_upload_id integer,
  last_gravatar_download_attempt timestamp,
  created_at timestamp NOT NULL DEFAULT now(),
  updated_at timestamp NOT NULL DEFAULT now()
);
CREATE INDEX index_user_avatars_on_custom_upload_id ON user_avatars (custom_upload_id);
CREATE INDEX index_user_avatars_on_gravatar_upload_id ON user_avatars (gravatar_upload_id);
CREATE INDEX index_user_avatars_on_user_id ON user_avatars (user_id);

CREATE TABLE user_associated_accounts (
  id bigserial PRIMARY KEY,
  provider_name varchar NOT NULL,
  provider_uid varchar NOT NULL,
  user_id integer,
  last_used timestamp NOT NULL DEFAULT now(),
  info jsonb NOT NULL DEFAULT '{}',
  credentials jsonb NOT NULL DEFAULT '{}',
  extra jsonb NOT NULL DEFAULT '{}',
  created_at timestamp NOT NULL DEFAULT now(),
  updated_at timestamp NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX associated_accounts_provider_uid
  ON user_associated_accounts (provider_name, provider_uid);
CREATE UNIQUE INDEX associated_accounts_provider_user
  ON user_associated_accounts (provider_name, user_id);
${associatedAvatars ? ASSOCIATED_AVATARS : ''}
CREATE TABLE optimized_images (
  id serial PRIMARY KEY,
  sha1 varchar(40) NOT NULL,
  extension varchar(10) NOT NULL,
  width integer NOT NULL,
  height integer NOT NULL,
  upload_id integer NOT NULL,
  url varchar NOT NULL,
  filesize integer,
  etag varchar,
  version integer
);
CREATE UNIQUE INDEX index_optimized_images_unique
  ON optimized_images (upload_id, width, height, extension);
CREATE INDEX index_optimized_images_on_etag ON optimized_images (etag);

CREATE TABLE site_settings (
  id serial PRIMARY KEY,
  name varchar NOT NULL,
  data_type integer NOT NULL,
  value text,
  created_at timestamp NOT NULL DEFAULT now(),
  updated_at timestamp NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX index_site_settings_on_name ON site_settings (name);
`;
}

/** The migration that came in 2026. */
export const ASSOCIATED_AVATARS = `
ALTER TABLE user_associated_accounts ADD COLUMN avatar_upload_id bigint;
CREATE INDEX index_user_associated_accounts_on_avatar_upload_id
  ON user_associated_accounts (avatar_upload_id) WHERE avatar_upload_id IS NOT NULL;
`;

type UploadRow = {
  readonly id: number;
  readonly url?: string;
  readonly extension?: string;
  readonly createdAt?: string;
};

/** The URL Discourse gives upload `id` in bucket `forum`, and the key it has there. */
export function storedUrl(id: number, extension = 'png'): string {
  return `//forum.s3.dualstack.eu-central-1.amazonaws.com/${storedKey(id, extension)}`;
}

export function storedKey(id: number, extension = 'png'): string {
  return `original/1X/${sha1Of(id)}.${extension}`;
}

export function insertUpload({ id, url, extension = 'png', createdAt }: UploadRow): string {
  const values = [
    id,
    1,
    quote(`${id}.${extension}`),
    1234,
    quote(url ?? storedUrl(id, extension)),
    quote(createdAt ?? '2024-02-29 12:34:56.789'),
    quote(sha1Of(id)),
    quote(extension),
  ];
  return `INSERT INTO uploads
    (id, user_id, original_filename, filesize, url, created_at, sha1, extension)
    VALUES (${values.join(', ')});\n`;
}

export function insertUser(id: number, username: string, uploadedAvatar?: number): string {
  const lower = quote(username.replaceAll('Σ', 'σ').toLowerCase());
  return `INSERT INTO users (id, username, username_lower, uploaded_avatar_id, password_hash, salt)
    VALUES (${id}, ${quote(username)}, ${lower}, ${uploadedAvatar ?? 'NULL'}, 'hash', 'salt');\n`;
}

/**
 * Bob (current upload 10, custom 11, gravatar 12), Zed who has no avatar, Löwe, and names with a dot
 * and a dash. Upload 9999 is somebody else's.
 */
export const PEOPLE = [
  ...[10, 11, 12, 20, 30, 40, 9999].map((id) => insertUpload({ id })),
  insertUser(1, 'Bob', 10),
  insertUser(2, 'Zed'),
  insertUser(3, 'Löwe', 20),
  insertUser(4, 'anna.b-c_d', 30),
  insertUser(5, 'other', 9999),
  'INSERT INTO user_avatars (user_id, custom_upload_id, gravatar_upload_id) VALUES (1, 11, 12);\n',
  'INSERT INTO user_avatars (user_id, custom_upload_id) VALUES (5, 9999);\n',
  "INSERT INTO user_emails (user_id, email) VALUES (1, 'bob@example.org');\n",
  "INSERT INTO site_settings (name, data_type, value) VALUES ('s3_secret_access_key', 1, 'secret');\n",
].join('');

/** So many people that the planner has a reason not to read whole tables. */
export const CROWD = `
INSERT INTO uploads (id, user_id, original_filename, filesize, url, created_at, sha1, extension)
  SELECT n, n, 'a.png', 1, '//forum.s3.amazonaws.com/original/3X/' || n || '.png', now(),
         md5(n::text) || '00000000', 'png'
  FROM generate_series(100000, 105999) n;
INSERT INTO users (id, username, username_lower, uploaded_avatar_id)
  SELECT n, 'user' || n, 'user' || n, n FROM generate_series(100000, 105999) n;
INSERT INTO user_avatars (user_id, custom_upload_id)
  SELECT n, n FROM generate_series(100000, 105999) n;
INSERT INTO user_associated_accounts (provider_name, provider_uid, user_id, avatar_upload_id)
  SELECT 'google', n, n, CASE WHEN n % 2 = 0 THEN n END FROM generate_series(100000, 105999) n;
ANALYZE;
`;

function sha1Of(id: number): string {
  return String(id).padStart(40, '0');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
