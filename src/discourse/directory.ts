/**
 * One forum's database, asked read-only: a small pool, point look-ups by index, and time limits on
 * everything.
 */
import { AvatarError } from '../errors.ts';
import {
  type Connect,
  type ConnectionOptions,
  Connections,
  openPool,
  STATEMENT_TIMEOUT_MS,
} from './connections.ts';
import type { DirectoryEntry, Upload } from './decide.ts';
import { directoryFault, isOutage, sqlState } from './faults.ts';
import {
  GRANTED_SIZES,
  LOOK_UP,
  LOOK_UP_WITH_PROVIDED,
  PROVIDED,
  type Row,
  SIZES,
  type Statement,
  type Values,
} from './statements.ts';

export type DirectoryOptions = ConnectionOptions & {
  /** The site's name, for messages. */
  readonly site: string;
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

export class Directory {
  readonly #site: string;
  readonly #connections: Connections;
  readonly #onFault: (fault: AvatarError) => void;
  readonly #cooldownMs: number;
  readonly #columnsMs: number;
  readonly #statementTimeoutMs: number;
  #outage: { readonly fault: AvatarError; readonly until: number } | undefined;
  #provided: { readonly present: Promise<boolean>; readonly until: number } | undefined;

  constructor(options: DirectoryOptions, connect: Connect = (pooler) => openPool(options, pooler)) {
    this.#site = options.site;
    this.#onFault = options.onFault ?? (() => undefined);
    this.#connections = new Connections(connect, (error) => {
      this.#onFault(directoryFault(this.#site, error));
    });
    this.#cooldownMs = options.cooldownMs ?? 1000;
    this.#columnsMs = options.columnsMs ?? 300_000;
    this.#statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
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
   * For the command line: whatever else is to be read, in the time of `statementTimeoutMs` in any case.
   * @throws AvatarError `directory_unavailable`
   */
  async read(statement: Statement, values: Values = []): Promise<readonly Row[]> {
    try {
      return await this.#query(statement, values, this.#statementTimeoutMs);
    } catch (error) {
      throw this.#fault(error);
    }
  }

  /** Look-ups fail from then on; those under way are answered. */
  async close(): Promise<void> {
    await this.#connections.close();
  }

  #hasProvided(): Promise<boolean> {
    const now = performance.now();
    if (this.#provided === undefined || this.#provided.until <= now) {
      const present = this.#query(PROVIDED).then((rows) => rows.length > 0);
      this.#provided = { present, until: now + this.#columnsMs };
      present.catch(() => {
        this.#provided = undefined;
      });
    }
    return this.#provided.present;
  }

  async #query(
    statement: Statement,
    values: Values = [],
    limitMs?: number,
  ): Promise<readonly Row[]> {
    this.#refuseInOutage();
    try {
      const rows = await this.#connections.query(statement, values, limitMs);
      this.#outage = undefined;
      return rows;
    } catch (error) {
      // A refusal is an answer too, and what is asked instead must not wait for the next cooldown's end.
      if (!isOutage(error)) this.#outage = undefined;
      throw error;
    }
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
      const { until } = this.#outage ?? {};
      const isKnown = until !== undefined && now < until;
      // Whoever is refused is told what is wrong now: a server that comes up again may refuse the role.
      this.#outage = { fault, until: isKnown ? until : now + this.#cooldownMs };
      if (isKnown) return fault;
    }
    this.#onFault(fault);
    return fault;
  }
}

function toEntry(row: Row): DirectoryEntry {
  const current = row['current_upload'];
  return {
    currentUpload: typeof current === 'number' ? current : undefined,
    upload: row['found'] === true ? toUpload(row) : undefined,
  };
}

function toUpload(row: Row): Upload {
  const { url, created_ms: createdMs } = row;
  return {
    url: typeof url === 'string' ? url : '',
    createdAt:
      typeof createdMs === 'number' && Number.isFinite(createdMs) ? new Date(createdMs) : undefined,
  };
}
