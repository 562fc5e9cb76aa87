/** Connections to a forum's database, as they can be had: straight to it, or through a pooler. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, QueryConfig } from 'pg';
import { isPoolerRefusal } from './faults.ts';
import type { Row, Statement, Values } from './statements.ts';

export type ConnectionOptions = {
  /** `postgres://…`; what it sets by query parameters wins over the limits below. */
  readonly database: string;
  /** Connections at most; all instances together must stay below the server's limit. */
  readonly connections?: number;
  /** For connecting, and for waiting until a connection is free. */
  readonly connectTimeoutMs?: number;
  /** For a query: the server stops it then; a little later it is given up here. */
  readonly statementTimeoutMs?: number;
};

/** Look-ups take less than a millisecond. */
export const STATEMENT_TIMEOUT_MS = 1000;

/** A pool that logs in on demand; the module `pg` is loaded by whoever makes one. */
export type Connect = (throughPooler: boolean) => Promise<Pool>;

/** A pool in use, and how many questions it has not answered yet. */
type Lease = { readonly pool: Promise<Pool>; readonly throughPooler: boolean; asking: number };

/** How long a server is waited for at the end: one that hangs does not say goodbye. */
const FAREWELL_MS = 1000;

export class Connections {
  readonly #connect: Connect;
  readonly #onBroken: (error: unknown) => void;
  #lease: Lease | undefined;
  #throughPooler = false;
  #closed = false;

  /** @param onBroken told of connections that break while nobody uses them */
  constructor(connect: Connect, onBroken: (error: unknown) => void) {
    this.#connect = connect;
    this.#onBroken = onBroken;
  }

  /**
   * @param limitMs the time it has whatever the role or a pooler says, for three more ways to the server
   * @throws Error as the driver does, and once they are closed
   */
  async query(statement: Statement, values: Values, limitMs?: number): Promise<readonly Row[]> {
    const lease = this.#current();
    lease.asking += 1;
    try {
      return await ask(lease, statement, values, limitMs);
    } catch (error) {
      if (lease.throughPooler || !isPoolerRefusal(error)) throw error;
      // From now on no named statements and no session settings; see `openPool`.
      this.#throughPooler = true;
      if (this.#lease === lease) this.#lease = undefined;
    } finally {
      lease.asking -= 1;
      // Not sooner: a pool that ends gives no connection to those who wait for one.
      if (lease.asking === 0 && lease !== this.#lease) end(lease).catch(this.#onBroken);
    }
    return await this.query(statement, values, limitMs);
  }

  /** Ends after the queries under way; others fail from then on. */
  async close(): Promise<void> {
    this.#closed = true;
    const lease = this.#lease;
    this.#lease = undefined;
    if (lease !== undefined) await end(lease);
  }

  #current(): Lease {
    if (this.#closed) throw new Error('closed for shutting down');
    const throughPooler = this.#throughPooler;
    this.#lease ??= { pool: this.#open(throughPooler), throughPooler, asking: 0 };
    return this.#lease;
  }

  async #open(throughPooler: boolean): Promise<Pool> {
    const pool = await this.#connect(throughPooler);
    // Without a listener, an idle connection that breaks would end the process.
    pool.on('error', this.#onBroken);
    return pool;
  }
}

async function ask(
  { pool, throughPooler }: Lease,
  { name, text }: Statement,
  values: Values,
  limitMs: number | undefined,
): Promise<readonly Row[]> {
  const query = { text, values: [...values], ...(throughPooler ? {} : { name }) };
  const opened = await pool;
  if (limitMs !== undefined) return await askPatiently(opened, query, limitMs);
  const { rows } = await opened.query<Row>(query);
  return rows;
}

/**
 * What is set within a transaction holds behind any pooler: settings at log-in may have been refused, or
 * ignored without a word, and then the role's own limit of `grants.sql` would cut the query short.
 */
async function askPatiently(
  pool: Pool,
  query: QueryConfig,
  limitMs: number,
): Promise<readonly Row[]> {
  const client = await pool.connect();
  // When it breaks, the query under way fails; without a listener the process would end too.
  const leaveToQuery = (): void => undefined;
  client.on('error', leaveToQuery);
  try {
    await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${limitMs}`);
    const { rows } = await client.query<Row>(query);
    await client.query('COMMIT');
    client.off('error', leaveToQuery);
    client.release();
    return rows;
  } catch (error) {
    // The connection ends, and the transaction with it.
    client.release(true);
    throw error;
  }
}

async function end(lease: Lease): Promise<void> {
  const pool = await lease.pool;
  if (!pool.ending) await Promise.race([pool.end(), sleep(FAREWELL_MS, undefined, { ref: false })]);
}

/**
 * A direct connection is a session of its own: it is made read-only and gets its limits at log-in,
 * and each connection parses and plans a statement once. A pooler in transaction mode has no such
 * sessions. PgBouncer before 1.21, or with `max_prepared_statements = 0`, mixes up named statements,
 * and refuses settings at log-in that it was not told to ignore; RDS Proxy refuses `options`. Then both
 * are left out, what keeps the role read-only and limited is `grants.sql`, and parsing and planning each
 * look-up anew makes it take 0.5 ms instead of 0.2.
 */
export async function openPool(options: ConnectionOptions, throughPooler: boolean): Promise<Pool> {
  const { Pool } = await import('pg');
  const { statementTimeoutMs = STATEMENT_TIMEOUT_MS } = options;
  return new Pool({
    connectionString: options.database,
    max: options.connections ?? 4,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 2000,
    // Of a server that hangs, this is the only limit that works.
    query_timeout: statementTimeoutMs + 500,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: 'avatar-proxy',
    allowExitOnIdle: true,
    ...(throughPooler
      ? {}
      : {
          statement_timeout: statementTimeoutMs,
          idle_in_transaction_session_timeout: 5000,
          options: '-c default_transaction_read_only=on',
        }),
  });
}
