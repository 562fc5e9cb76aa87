/**
 * What is asked of Discourse's database. All of it is reading; what requests ask, by index and of at
 * most one row.
 */
import { createHash } from 'node:crypto';

export type Statement = {
  /** For preparing it; never the name of another text, not even one of another version's. */
  readonly name: string;
  readonly text: string;
};

export type Values = ReadonlyArray<string | number | null>;

export type Row = Readonly<Record<string, unknown>>;

// The casts fix the result's types whatever the schema's are: a prepared statement whose types
// change by a migration fails, and a bigint would come as text. Ownership is never uploads.user_id:
// uploads are shared between users by their hash. `created_at` is UTC without saying so.
//
// LATERAL with LIMIT keeps the planner from looking up whose an upload is, instead of what the user
// has: a default picture is the upload of thousands. And it lets the first condition of each skip its
// table, so that for a current avatar, nearly always asked for, only users and uploads are read.
const lookUp = (provided: { readonly join: string; readonly owns: string }): Statement =>
  named(`
SELECT cur.id::float8 AS current_upload,
       up.id IS NOT NULL AS found,
       up.url::text AS url,
       (extract(epoch FROM up.created_at) * 1000)::float8 AS created_ms
FROM users u
LEFT JOIN uploads cur ON cur.id = u.uploaded_avatar_id
LEFT JOIN LATERAL (
  SELECT true AS own FROM user_avatars a
  WHERE u.uploaded_avatar_id IS DISTINCT FROM $2::integer
    AND a.user_id = u.id AND $2::integer IN (a.custom_upload_id, a.gravatar_upload_id)
  LIMIT 1) chosen ON true${provided.join}
LEFT JOIN uploads up ON up.id = $2::integer
  AND (u.uploaded_avatar_id = $2::integer OR chosen.own${provided.owns})
WHERE u.username_lower = $1::text
LIMIT 1`);

/** One user by `username_lower`, and one upload if it is theirs: `$1` and `$2`. */
export const LOOK_UP = lookUp({ join: '', owns: '' });

/** The same, where an upload can also be theirs as the picture of a log-in provider (since 2026). */
export const LOOK_UP_WITH_PROVIDED = lookUp({
  join: `
LEFT JOIN LATERAL (
  SELECT true AS own FROM user_associated_accounts s
  WHERE u.uploaded_avatar_id IS DISTINCT FROM $2::integer AND chosen.own IS NULL
    AND s.avatar_upload_id = $2::integer AND s.user_id = u.id
  LIMIT 1) provided ON true`,
  owns: ' OR provided.own',
});

/**
 * Gives a row when the pictures of log-in providers can be looked up. Only columns are seen of which
 * something is granted; with one of the two each look-up would be refused.
 */
export const PROVIDED = named(`
SELECT 1 FROM information_schema.columns
WHERE table_schema = ANY (current_schemas(false))
  AND table_name = 'user_associated_accounts' AND column_name IN ('avatar_upload_id', 'user_id')
HAVING count(DISTINCT column_name) = 2`);

export const SIZES = named(
  `SELECT value::text AS value FROM site_settings WHERE name = 'avatar_sizes' LIMIT 1`,
);

/** For the role of grants.sql: site_settings holds secrets, and this function reads that one row. */
export const GRANTED_SIZES = named('SELECT avatar_proxy.avatar_sizes()::text AS value');

const OF_CURRENT_AVATARS = `
FROM users u
LEFT JOIN uploads up ON up.id = u.uploaded_avatar_id
WHERE u.id > $1::bigint
  AND u.uploaded_avatar_id > 0
  AND ($2::text IS NULL OR u.username_lower = $2::text)
  AND ($3::float8 IS NULL OR up.created_at >= to_timestamp($3::float8 / 1000) AT TIME ZONE 'UTC')`;

/**
 * A page of users with the avatars they have now: those after the user `$1`, by id, `$4` at most. Of
 * the one called `$2`, uploaded since `$3` (milliseconds), where these are not null. An avatar whose
 * upload is gone has a row too. Uploads below 0 are those Discourse brings along.
 */
export const CURRENT_AVATARS = named(`
SELECT u.id::float8 AS user_id,
       u.username_lower::text AS username,
       u.uploaded_avatar_id::float8 AS upload,
       up.url::text AS url,
       (extract(epoch FROM up.created_at) * 1000)::float8 AS created_ms${OF_CURRENT_AVATARS}
ORDER BY u.id
LIMIT $4::integer`);

/** How many those are, without a limit. */
export const COUNT_OF_CURRENT_AVATARS = named(
  `SELECT count(*)::float8 AS avatars${OF_CURRENT_AVATARS}`,
);

/** What the role may do with each column of grants.sql; never refused itself. */
export const GRANTS = named(`
SELECT current_user::text AS role,
       wanted.relation::text AS relation,
       wanted.attribute::text AS attribute,
       a.attnum IS NOT NULL AS present,
       COALESCE(has_column_privilege(c.oid, a.attnum, 'SELECT'), false) AS readable,
       COALESCE(has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'), false) AS writable,
       COALESCE(has_schema_privilege(p.pronamespace, 'USAGE')
                AND has_function_privilege(p.oid, 'EXECUTE'), false)
         OR COALESCE(has_table_privilege(to_regclass('site_settings'), 'SELECT'), false)
         AS reads_sizes
FROM (VALUES ('users', 'id'), ('users', 'username_lower'), ('users', 'uploaded_avatar_id'),
             ('uploads', 'id'), ('uploads', 'url'), ('uploads', 'created_at'),
             ('user_avatars', 'user_id'), ('user_avatars', 'custom_upload_id'),
             ('user_avatars', 'gravatar_upload_id'),
             ('user_associated_accounts', 'avatar_upload_id'),
             ('user_associated_accounts', 'user_id')) wanted (relation, attribute)
LEFT JOIN pg_catalog.pg_class c ON c.oid = to_regclass(wanted.relation)
LEFT JOIN pg_catalog.pg_attribute a
  ON a.attrelid = c.oid AND a.attname = wanted.attribute AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'avatar_proxy'
  ON p.proname = 'avatar_sizes'`);

function named(text: string): Statement {
  const hash = createHash('sha256').update(text).digest('hex');
  return { name: `avatar_${hash.slice(0, 16)}`, text };
}
