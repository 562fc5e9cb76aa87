/** What went wrong at the database, as an operator needs to read it. Pure. */
import { AvatarError, codeOf } from '../errors.ts';

const VERIFY = '?sslmode=verify-full&sslrootcert=FILE';
const UNKNOWN_CA = `the CA of its certificate is not known here: end its address with ${VERIFY}, with the CA in the file`;

/** What only an operator can mend, by SQLSTATE or OpenSSL's name; clients need not come back soon. */
const REMEDIES: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_CA,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_CA,
  '28000': 'the log-in is refused: check the role, and pg_hba.conf',
  '28P01': 'the log-in is refused: check the role and its password',
  '3D000': 'there is no such database',
  '3F000': 'there is nothing that allows reading avatar_sizes: run deploy/discourse/grants.sql',
  '42501':
    'the role may not read what it needs: run deploy/discourse/grants.sql, again after each restore',
  '42703': 'a column is missing: not a Discourse database, or of an unknown version',
  '42P01': 'a table is missing: not a Discourse database, or another search_path',
};

/** The same, of what has no such name, or one that says too little. */
const REMEDIES_BY_MESSAGE: ReadonlyArray<readonly [message: RegExp, remedy: string]> = [
  [
    // There may be an entry of pg_hba.conf for TLS, or none at all; before PostgreSQL 14 it says "SSL off".
    /no pg_hba\.conf entry.*(?:no encryption|SSL off)/,
    `it does not let us in without TLS: where it wants that, as RDS does, end its address with ${VERIFY}, with its CA in the file; else pg_hba.conf lacks an entry`,
  ],
  [
    /client password must be/,
    String.raw`it asks for a password, and its address has none: give the role one (psql -c '\password avatar_proxy'), and write it as in postgres://avatar_proxy:PASSWORD@HOST/DATABASE`,
  ],
  [
    /does not support SSL/,
    'it takes no encrypted connections: take sslmode= and sslrootcert= out of its address, or set ssl = on there',
  ],
  [
    /^E[A-Z]+: .*, (?:open|read)/,
    'the file that sslrootcert= names cannot be read: mount it, let the user of this process read it, or correct its address',
  ],
];

const UNREACHABLE =
  'it cannot be reached: check that it runs, and the host and port of its address';

/** What an operator can do about what may also pass by itself. */
const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  EAI_AGAIN: UNREACHABLE,
  ENOTFOUND: UNREACHABLE,
};

const SOON_SECONDS = 2;
const LATER_SECONDS = 30;

/** @param site the site's name; the address of its database never gets into an error */
export function directoryFault(site: string, error: unknown): AvatarError {
  const state = sqlState(error);
  const remedy = remedyFor(error);
  const cure = remedy ?? HINTS[codeOf(error) ?? ''];
  const message = messageOf(error);
  const detail = [
    `database of site ${site}: ${cure ?? message}`,
    ...(cure === undefined ? [] : [message]),
    ...(state === undefined ? [] : [`SQLSTATE ${state}`]),
  ].join('; ');
  // No cause: errors of a pool carry their client, with everything needed to log in.
  return new AvatarError('directory_unavailable', {
    detail,
    retryAfterSeconds: remedy === undefined ? SOON_SECONDS : LATER_SECONDS,
  });
}

function remedyFor(error: unknown): string | undefined {
  const message = messageOf(error);
  const [, remedy] = REMEDIES_BY_MESSAGE.find(([pattern]) => pattern.test(message)) ?? [];
  return remedy ?? REMEDIES[codeOf(error) ?? ''];
}

/** The five characters PostgreSQL classifies its errors by; undefined for errors of the network. */
export function sqlState(error: unknown): string | undefined {
  const code = codeOf(error);
  // All of them have a digit, and EPIPE has none.
  return code !== undefined && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/**
 * True when the server rather than the question is at fault, so that the next question would fail
 * likewise: no answer at all, or one of the classes 08 (connection), 28 (log-in), 3D (no such database),
 * 53 (resources) and 57P (shutdown).
 */
export function isOutage(error: unknown): boolean {
  const code = sqlState(error);
  return code === undefined || /^(?:08|53|57P|28|3D)/.test(code);
}

/**
 * True for what a connection pooler in transaction mode (PgBouncer, RDS Proxy) says to a client that
 * treats it as a session: a statement prepared on another server connection, or settings it does not
 * pass on.
 */
export function isPoolerRefusal(error: unknown): boolean {
  const code = sqlState(error);
  if (code === '26000' || code === '42P05') return true;
  const message = messageOf(error);
  if (code === '08P01') return message.includes('startup parameter');
  // PostgreSQL's own are of this code as well: "cached plan must not change result type".
  return code === '0A000' && /command-line options|RDS Proxy|the option /.test(message);
}

function messageOf(error: unknown): string {
  // Connecting to a name with several addresses fails with one error for each, and no message.
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ');
  if (!(error instanceof Error)) return 'unknown error';
  return error.message;
}
