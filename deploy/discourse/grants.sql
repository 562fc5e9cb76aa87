-- A role for avatar-proxy in Discourse's database. It can log in, and read those columns which say
-- whose avatar an address means. It cannot read e-mail addresses, passwords, tokens, posts or
-- settings, and it cannot write.
--
-- Run it as a superuser. Where there is none (RDS), run it as a role with CREATEROLE, such as the master user,
-- that owns Discourse's database and tables or is a member of the role that does (GRANT discourse TO master).
-- Take the same one each time: from PostgreSQL 16 on only it and superusers may change what it has made.
--
-- Run it in the database of each site, after each restore of a backup (a restore makes new tables,
-- without these rights) and after the upgrade that brings user_associated_accounts.avatar_upload_id.
-- Running it again changes nothing.
--
--     psql -v ON_ERROR_STOP=1 -1 -f grants.sql discourse
--     psql -c '\password avatar_proxy' discourse

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'avatar_proxy') THEN
    CREATE ROLE avatar_proxy LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT;
  END IF;
END
$$;

-- PostgreSQL before 15 lets every role make tables in public. It ends for all of them with
--     REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- These hold behind a connection pooler too, where avatar-proxy cannot set them itself.
ALTER ROLE avatar_proxy SET default_transaction_read_only = on;
ALTER ROLE avatar_proxy SET statement_timeout = '2s';
ALTER ROLE avatar_proxy SET lock_timeout = '1s';
ALTER ROLE avatar_proxy SET idle_in_transaction_session_timeout = '5s';

GRANT USAGE ON SCHEMA public TO avatar_proxy;
GRANT SELECT (id, username_lower, uploaded_avatar_id) ON public.users TO avatar_proxy;
GRANT SELECT (id, url, created_at) ON public.uploads TO avatar_proxy;
GRANT SELECT (user_id, custom_upload_id, gravatar_upload_id) ON public.user_avatars TO avatar_proxy;

DO $$
BEGIN
  IF EXISTS (
    SELECT FROM pg_catalog.pg_attribute
    WHERE attrelid = pg_catalog.to_regclass('public.user_associated_accounts')
      AND attname = 'avatar_upload_id' AND NOT attisdropped
  ) THEN
    GRANT SELECT (user_id, avatar_upload_id) ON public.user_associated_accounts TO avatar_proxy;
  END IF;
END
$$;

-- site_settings holds the secrets of the forum (keys of S3, of log-in providers, of mail), so the role
-- gets one value of it, and not the table. A function, because a view would stop migrations and
-- restores that replace the table.
CREATE SCHEMA IF NOT EXISTS avatar_proxy;
GRANT USAGE ON SCHEMA avatar_proxy TO avatar_proxy;

CREATE OR REPLACE FUNCTION avatar_proxy.avatar_sizes() RETURNS text
  LANGUAGE sql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
  AS $$ SELECT value FROM public.site_settings WHERE name = 'avatar_sizes' LIMIT 1 $$;
REVOKE ALL ON FUNCTION avatar_proxy.avatar_sizes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION avatar_proxy.avatar_sizes() TO avatar_proxy;
