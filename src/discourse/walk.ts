/** Every avatar of a forum's users as of now, by its database, page by page. */
import { AvatarError } from '../errors.ts';
import { orAbort } from '../flow/abort.ts';
import type { CurrentAvatar, Selection, Step, Walk } from '../locator/walk.ts';
import { openSite, type OpenSite, type CommonKeyRules } from './locator.ts';
import type { Sites } from './sites.ts';
import { COUNT_OF_CURRENT_AVATARS, CURRENT_AVATARS, type Row } from './statements.ts';
import { keysOfUpload } from './upload-url.ts';
import { canonicalUser } from './username.ts';
import { formatVersion } from './version.ts';

export type DiscourseWalkOptions = CommonKeyRules & {
  readonly sites: Sites;
  readonly selection: Selection;
  /** That of avatars whose site has none of its own. */
  readonly host?: string | undefined;
  /** Rows of one query. */
  readonly pageSize?: number;
};

/** Counting goes over whole tables. */
const STATEMENT_TIMEOUT_MS = 60_000;
/** Users that come with Discourse have ids below 0. */
const BEFORE_ALL = -(2 ** 53);

/** @throws Error when there is no site of the name selected */
export function createDiscourseWalk(options: DiscourseWalkOptions): Walk {
  const { selection, host, pageSize = 1000 } = options;
  const limits = { connections: 2, statementTimeoutMs: STATEMENT_TIMEOUT_MS };
  const chosen = options.sites.sites.filter(
    ({ name }) => selection.site === undefined || name === selection.site,
  );
  const sites = chosen.map((site) => openSite(site, { ...options, ...limits }));
  const user = selection.user === undefined ? null : canonicalUser(selection.user);
  const since = selection.since?.getTime() ?? null;

  async function* stepsOf(
    site: OpenSite,
    afterUser: number,
    signal: AbortSignal,
  ): AsyncGenerator<Step> {
    let last = afterUser;
    for (;;) {
      signal.throwIfAborted();
      const page = site.directory.read(CURRENT_AVATARS, [last, user, since, pageSize]);
      const rows = await orAbort(page, signal);
      for (const row of rows) {
        last = numberIn(row, 'user_id');
        yield { mark: markOf(site.name, last), avatar: toAvatar(site, row, host) };
      }
      if (rows.length < pageSize) return;
    }
  }

  return {
    name: JSON.stringify([sites.map(({ name }) => name), user, since, host]),
    tellsHosts: sites.every(({ hosts }) => hosts.length > 0),
    tellsNames: true,
    // The database says so of a forum that is young; a user that is asked for by name should be there.
    mayBeEmpty: user === null || since !== null,
    async count(after, signal) {
      const left = sitesFrom(sites, after);
      const counting = left.map(async ({ site, afterUser }) => {
        const [row] = await site.directory.read(COUNT_OF_CURRENT_AVATARS, [afterUser, user, since]);
        return row === undefined ? 0 : numberIn(row, 'avatars');
      });
      try {
        const counts = await orAbort(Promise.all(counting), signal);
        return counts.reduce((sum, each) => sum + each, 0);
      } catch (error) {
        if (!(error instanceof AvatarError)) throw error;
        // It took too long, and pages may not. What is wrong with the database itself, the first one says.
        return undefined;
      }
    },
    async *steps(after, signal) {
      for (const { site, afterUser } of sitesFrom(sites, after)) {
        yield* stepsOf(site, afterUser, signal);
      }
    },
    async close() {
      await Promise.all(sites.map(({ directory }) => directory.close()));
    },
  };
}

type Part = { readonly site: OpenSite; readonly afterUser: number };

/** The sites that are left, the first from after the user of the mark. */
function sitesFrom(sites: readonly OpenSite[], mark: string | undefined): Part[] {
  const [name, user] = mark?.split(' ') ?? [];
  const first = Math.max(
    0,
    sites.findIndex((site) => site.name === name),
  );
  return sites.slice(first).map((site) => ({
    site,
    afterUser: site.name === name ? Number(user) : BEFORE_ALL,
  }));
}

/** Names of sites have no spaces. */
function markOf(site: string, user: number): string {
  return `${site} ${user}`;
}

function toAvatar(
  { name, hosts, rules }: OpenSite,
  row: Row,
  given: string | undefined,
): CurrentAvatar {
  const { username, url, created_ms: createdMs } = row;
  return {
    site: name,
    host: hosts[0] ?? given,
    user: typeof username === 'string' ? username : '',
    id: formatVersion(numberIn(row, 'upload')),
    keys: typeof url === 'string' ? keysOfUpload(url, rules) : [],
    lastModified: typeof createdMs === 'number' ? new Date(createdMs) : undefined,
  };
}

function numberIn(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new Error(`the database gave no number for ${column}`);
  return value;
}
