/**
 * One forum's database, asked read-only: a small pool, point look-ups by index, and time limits on
 * everything.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { AvatarError } from '../../errors.ts';
import type { DirectoryEntry, Upload } from './decide.ts';
import { directoryFault, isOutage, isPoolerRefusal, sqlState } from './faults.ts';
import {
  COLUMN,
  GRANTED_SIZES,
  LOOK_UP,
  LOOK_UP_WITH_PROVIDED,
  SIZES,
  type Statement,
} from './statements.ts';

export type DirectoryOptions = {
  /** The site's name, for messages. */
  readonly site: string;
  /** `postgres://…`; what it sets by query parameters wins over the limits below. */
  readonly database: string;
  /** Connections at most; all instances together must stay below the server's limit. */
  readonly connections?: number;
  /** For connecting, and for waiting until a connection is free. */
  readonly connectTimeoutMs?: number;
  /** For a query: the server stops it then; a little later it is given up here. */
  readonly statementTimeoutMs?: number;
  /** How long after an outage questions fail at once instead of waiting for the time-outs. */
  readonly cooldownMs?: number;
  /** How long it is believed which columns the database has. */
  readonly columnsMs?: number;
  /**
   * Told of each fault that nobody may see otherwise: of idle connections, and of look-ups whose
   * answer then came from the cache.
   */
  readonly onFault?: (fault: AvatarError) => void;
};

/** A pool that logs in on demand; the module `pg` is loaded by whoever makes one. */
export type Connect = (throughPooler: boolean) => Promise<Pool>;

export type Row = Readonly<Record<string, unknown>>;

export class Directory {
  readonly #site: string;
  readonly #connect: Connect;
  readonly #onFault: (fault: AvatarError) => void;
  readonly #cooldownMs: number;
  readonly #columnsMs: number;
  #pool: Promise<Pool> | undefined;
  #throughPooler = false;
  #closed = false;
  #outage: { readonly fault: AvatarError; readonly until: number } | undefined;
  #provided: { readonly present: Promise<boolean>; readonly until: number } | undefined;

  constructor(options: DirectoryOptions, connect: Connect = (pooler) => openPool(options, pooler)) {
    this.#site = options.site;
    this.#connect = connect;
    this.#onFault = options.onFault ?? (() => undefined);
    this.#cooldownMs = options.cooldownMs ?? 1000;
    this.#columnsMs = options.columnsMs ?? 300_000;
  }

  /**
   * @param username as `canonicalUser` gives it
   * @param upload at most 2^31 - 1
   * @returns undefined when there is no such user
   * @throws AvatarError `directory_unavailable`
   */
  async lookUp(username: string, upload: number): Promise<DirectoryEntry | undefined> {
    try {
      const statement = (await this.#hasProvided()) ? LOOK_UP_WITH_PROVIDED : LOOK_UP;
      const [row] = await this.#query(statement, [username, upload]);
      return row === undefined ? undefined : toEntry(row);
    } catch (error) {
      // The column may have gone, or come, since it was looked for.
      if (sqlState(error) === '42703' || sqlState(error) === '42501') this.#provided = undefined;
      throw this.#fault(error);
    }
  }

  /**
   * The site setting `avatar_sizes`; undefined when it was never changed.
   * @throws AvatarError `directory_unavailable`
   */
  async avatarSizes(): Promise<string | undefined> {
    try {
      const rows = await this.#query(SIZES).catch((error: unknown) => {
        if (sqlState(error) !== '42501') throw error;
        return this.#query(GRANTED_SIZES);
      });
      const value = rows[0]?.['value'];
      return typeof value === 'string' ? value : undefined;
    } catch (error) {
      const fault = this.#fault(error);
      // Not granted, or no such table: asking again for each request would not help.
      if (/^(?:42|3F)/.test(sqlState(error) ?? '')) return undefined;
      throw fault;
    }
  }

  /**
   * For the command line: whatever else is to be read.
   * @throws AvatarError `directory_unavailable`
   */
  async read(
    statement: Statement,
    values: ReadonlyArray<string | number | null> = [],
  ): Promise<readonly Row[]> {
    try {
      return await this.#query(statement, values);
    } catch (error) {
      throw this.#fault(error);
    }
  }

  /**
   * Ends the pool, after the queries under way; look-ups fail from then on. A server that hangs is
   * not waited for longer than a second: it does not say goodbye.
   */
  async close(): Promise<void> {
    this.#closed = true;
    const pool = await this.#pool;
    this.#pool = undefined;
    const patience = sleep(1000, undefined, { ref: false });
    if (pool !== undefined && !pool.ending) await Promise.race([pool.end(), patience]);
  }

  #hasProvided(): Promise<boolean> {
    const now = performance.now();
    if (this.#provided === undefined || this.#provided.until <= now) {
      const present = this.#query(COLUMN).then((rows) => rows.length > 0);
      this.#provided = { present, until: now + this.#columnsMs };
      present.catch(() => {
        this.#provided = undefined;
      });
    }
    return this.#provided.present;
  }

  async #query(
    statement: Statement,
    values: ReadonlyArray<string | number | null> = [],
  ): Promise<readonly Row[]> {
    this.#refuseInOutage();
    const throughPooler = this.#throughPooler;
    const pool = await this.#getPool();
    try {
      const { name, text } = statement;
      const result = await pool.query<Row>({
        text,
        values: [...values],
        ...(throughPooler ? {} : { name }),
      });
      this.#outage = undefined;
      return result.rows;
    } catch (error) {
      if (throughPooler || !isPoolerRefusal(error)) throw error;
      await this.#treatAsPooler();
      return this.#query(statement, values);
    }
  }

  #getPool(): Promise<Pool> {
    if (this.#closed) throw new Error('closed for shutting down');
    this.#pool ??= this.#open();
    return this.#pool;
  }

  async #open(): Promise<Pool> {
    const pool = await this.#connect(this.#throughPooler);
    // Without a listener, an idle connection that breaks would end the process.
    pool.on('error', (error) => {
      this.#onFault(directoryFault(this.#site, error));
    });
    return pool;
  }

  /** From now on no named statements and no session settings; see `openPool`. */
  async #treatAsPooler(): Promise<void> {
    if (this.#throughPooler) return;
    this.#throughPooler = true;
    const former = this.#pool;
    this.#pool = undefined;
    // Others may still wait for its connections: it ends by itself when they are through.
    const pool = await former;
    pool?.end().catch((error: unknown) => {
      this.#onFault(directoryFault(this.#site, error));
    });
  }

  /** Lets one question through at the end of each cooldown, to see whether the outage is over. */
  #refuseInOutage(): void {
    if (this.#outage === undefined) return;
    const now = performance.now();
    if (now < this.#outage.until) throw this.#outage.fault;
    this.#outage = { ...this.#outage, until: now + this.#cooldownMs };
  }

  /** The error to throw. Of an outage only the first is reported; it starts the cooldown. */
  #fault(error: unknown): AvatarError {
    if (error instanceof AvatarError) return error;
    const now = performance.now();
    const fault = directoryFault(this.#site, error);
    if (isOutage(error)) {
      if (this.#outage !== undefined && now < this.#outage.until) return fault;
      this.#outage = { fault, until: now + this.#cooldownMs };
    }
    this.#onFault(fault);
    return fault;
  }
}

/**
 * A direct connection is a session of its own: it is made read-only and gets its limits at log-in,
 * and each connection parses and plans a statement once. A pooler in transaction mode has no such
 * sessions. PgBouncer before 1.21, or with `max_prepared_statements = 0`, mixes up named statements,
 * and refuses settings at log-in that it was not told to ignore; then both are left out, what keeps
 * the role read-only and limited is `grants.sql`, and parsing and planning each look-up anew makes it
 * take 0.5 ms instead of 0.2.
 */
async function openPool(options: DirectoryOptions, throughPooler: boolean): Promise<Pool> {
  const { Pool } = await import('pg');
  const statementTimeoutMs = options.statementTimeoutMs ?? 1000;
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

function toEntry(row: Row): DirectoryEntry {
  const current = row['current_upload'];
  return {
    currentUpload: typeof current === 'number' ? current : undefined,
    upload: row['found'] === true ? toUpload(row) : undefined,
  };
}

function toUpload(row: Row): Upload {
  const { url, extension, created_ms: createdMs } = row;
  return {
    url: typeof url === 'string' ? url : '',
    extension: typeof extension === 'string' ? extension : undefined,
    createdAt:
      typeof createdMs === 'number' && Number.isFinite(createdMs) ? new Date(createdMs) : undefined,
  };
}
