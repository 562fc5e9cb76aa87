/** Whether a database is Discourse's and lets us read what we need of it, for `doctor`. */
import type { Directory } from './directory.ts';
import { GRANTS, type Row } from './statements.ts';

type Grants = {
  readonly role: string;
  /** `table.column`, of those without which nothing works. */
  readonly missing: readonly string[];
  readonly unreadable: readonly string[];
  /** The pictures of log-in providers are in the database, and not for this role. */
  readonly unreadableProvided: boolean;
  readonly readsSizes: boolean;
  /** It could do harm. */
  readonly mayWrite: boolean;
};

/** The table of the pictures of log-in providers; it has none before Discourse's upgrade of 2026. */
const ACCOUNTS = 'user_associated_accounts';

/** @throws AvatarError `directory_unavailable` */
export async function examineGrants(directory: Directory): Promise<Grants> {
  const rows = await directory.read(GRANTS);
  const needed = rows.filter(({ relation }) => relation !== ACCOUNTS);
  const provided = rows.filter(({ relation }) => relation === ACCOUNTS);
  const [first] = rows;
  return {
    role: String(first?.['role']),
    missing: needed.filter(({ present }) => present !== true).map(nameOf),
    unreadable: needed
      .filter(({ present, readable }) => present === true && readable !== true)
      .map(nameOf),
    unreadableProvided:
      provided.every(({ present }) => present === true) &&
      provided.some(({ readable }) => readable !== true),
    readsSizes: first?.['reads_sizes'] === true,
    mayWrite: rows.some(({ writable }) => writable === true),
  };
}

function nameOf({ relation, attribute }: Row): string {
  return `${String(relation)}.${String(attribute)}`;
}
