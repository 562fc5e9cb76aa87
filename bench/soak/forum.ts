/** Discourse's database as a forum of that many users has it, behind a proxy that can break. */
import {
  discourseSchema,
  GRANTS,
  insertUpload,
  insertUser,
  storedKey,
} from '../../test/support/discourse-database.ts';
import { startPostgres } from '../../test/support/postgres.ts';
import { startTcpProxy, type TcpProxy } from '../../test/support/tcp-proxy.ts';
import { FORUM, originalsOf, REGULARS, uploadOf } from './avatars.ts';
import { type Catalogue, SIZE_OF_BLANK, SIZES } from './catalogue.ts';

const BROKEN_UPLOAD = 9999;
/** A user whose upload is no picture. */
export const BROKEN = {
  path: `/user_avatar/soak/broken/${SIZE_OF_BLANK}/${BROKEN_UPLOAD}_2.png`,
  key: storedKey(BROKEN_UPLOAD),
};

export type ForumDatabase = AsyncDisposable & {
  readonly proxy: TcpProxy;
  /** Through the proxy. */
  readonly url: string;
};

export async function startForumDatabase(catalogue: Catalogue): Promise<ForumDatabase> {
  const server = await startPostgres();
  await server.createDatabase('forum', discourseSchema() + people(catalogue) + GRANTS);
  const url = new URL(server.url('forum', 'avatar_proxy'));
  const proxy = await startTcpProxy(server.port);
  url.port = String(proxy.port);
  return {
    proxy,
    url: url.href,
    async [Symbol.asyncDispose]() {
      await proxy.stop();
      await server.stop();
    },
  };
}

function people(catalogue: Catalogue): string {
  const originals = originalsOf(catalogue);
  const first = uploadOf(REGULARS);
  return [
    ...originals.map(([original, { extension }]) =>
      insertUpload({ id: uploadOf(original), extension }),
    ),
    `INSERT INTO users (username, username_lower, uploaded_avatar_id)
       SELECT 'user' || n, 'user' || n,
         CASE WHEN n < ${REGULARS} THEN ${uploadOf(0)} + n
              ELSE ${first} + (n - ${REGULARS}) % ${originals.length - REGULARS} END
       FROM generate_series(0, ${FORUM.users - 1}) n;`,
    insertUpload({ id: BROKEN_UPLOAD }),
    insertUser(FORUM.users + 1, 'broken', BROKEN_UPLOAD),
    `INSERT INTO site_settings (name, data_type, value) VALUES ('avatar_sizes', 8, '${SIZES.join('|')}');`,
    'ANALYZE;',
  ].join('\n');
}
