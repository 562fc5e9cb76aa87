/**
 * The real nginx on the configuration the project hands out: only addresses and paths are changed, and
 * each change must find exactly what it is meant for.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type Agent, type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './ports.ts';
import { findProgram } from './programs.ts';

export const EXAMPLE = join(import.meta.dirname, '..', '..', 'nginx.conf.example');

export type Nginx = {
  readonly port: number;
  /** Where its logs and its cache are. */
  readonly folder: string;
  /** Its error log, for a test that fails. */
  errors(): Promise<string>;
  stop(): Promise<void>;
};

type NginxPlace = {
  readonly folder: string;
  readonly port: number;
  /** `HOST:PORT` of avatar-proxy. */
  readonly avatars: string;
  /** `HOST:PORT` of everything else. */
  readonly forum: string;
};

type Change = {
  readonly what: RegExp;
  readonly to: string | ((found: string) => string);
};

export function nginxIsInstalled(): boolean {
  return findProgram('nginx') !== undefined;
}

/** The example as it runs in a folder of its own, without root's rights. */
export function placeExample(text: string, place: NginxPlace): string {
  const { folder, port, avatars, forum } = place;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `    ${name}_temp_path ${folder}/${name};\n`,
  );
  return change(text, [
    { what: /^worker_processes auto;$/gm, to: 'worker_processes 2;' },
    { what: /^http \{\n/gm, to: `http {\n${temporary.join('')}` },
    { what: /\/var\/log\/nginx\/access\.log/g, to: `${folder}/access.log` },
    { what: /\/var\/cache\/nginx-avatars/g, to: `${folder}/cache` },
    { what: /^ +server 127\.0\.0\.1:8080\b/gm, to: `server ${avatars}` },
    { what: /^ +server 127\.0\.0\.1:3000\b/gm, to: `server ${forum}` },
    { what: /^ +listen 80;$/gm, to: `listen 127.0.0.1:${port};` },
  ]);
}

const withoutMarks = (found: string): string => found.replaceAll(/^ *# /gm, '');

/** The example after its reader has done what it says for Discourse. */
export function uncommentDiscourse(text: string): string {
  const what = /(?<=^ +# Only with AVATAR_LOCATOR=discourse.*\n)(?: *#.*\n)+/gm;
  return change(text, [{ what, to: withoutMarks }]);
}

/** The example after its reader has done what it says for a service that negotiates. */
export function uncommentNegotiation(text: string): string {
  const what = /(?<=^ +# Only with AVATAR_NEGOTIATE.*\n)(?: *#.*\n)+/gm;
  return change(text, [{ what, to: withoutMarks }]);
}

/** @throws Error when one of them does not match exactly once */
export function change(text: string, changes: readonly Change[]): string {
  let changed = text;
  for (const { what, to } of changes) {
    const count = changed.match(what)?.length ?? 0;
    if (count !== 1) throw new Error(`${what} is ${count} times in the configuration, not once`);
    changed = changed.replace(what, typeof to === 'string' ? () => to : to);
  }
  return changed;
}

/** @param edit what a reader would change before using the example */
export async function startNginx(
  upstreams: Pick<NginxPlace, 'avatars' | 'forum'>,
  edit: (text: string) => string = (text) => text,
): Promise<Nginx> {
  const text = edit(await readFile(EXAMPLE, 'utf8'));
  return await runNginx((place) => placeExample(text, { ...place, ...upstreams }));
}

/** @param configure the configuration for a folder and a port, with no `daemon` and no `pid` */
export async function runNginx(
  configure: (place: Pick<NginxPlace, 'folder' | 'port'>) => string,
): Promise<Nginx> {
  const file = findProgram('nginx');
  if (file === undefined) throw new Error('nginx is not installed');
  const folder = await mkdtemp(join(tmpdir(), 'avatar-nginx-'));
  // Started by root, its workers are somebody else.
  await chmod(folder, 0o755);
  const port = await freePort();
  const configuration = join(folder, 'nginx.conf');
  const errorLog = join(folder, 'error.log');
  await writeFile(configuration, configure({ folder, port }));

  const directives = `daemon off; pid ${folder}/nginx.pid;`;
  const child = spawn(file, ['-p', folder, '-c', configuration, '-e', errorLog, '-g', directives], {
    stdio: 'ignore',
  });
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
  const kill = (): void => void child.kill('SIGTERM');
  process.once('exit', kill);

  const errors = async (): Promise<string> => readFile(errorLog, 'utf8').catch(String);
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    kill();
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  for (let attempt = 0; !(await accepts(port)); attempt += 1) {
    if (attempt > 200 || child.exitCode !== null) {
      const reason = await errors();
      await stop();
      throw new Error(`nginx does not start: ${reason}`);
    }
    await sleep(25);
  }
  return { port, folder, errors, stop };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export type RawReply = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

type RawRequest = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** A connection of its own when there is none. */
  readonly agent?: Agent;
};

/** @param path sent as it is, which `fetch` does not do: it resolves `%2e%2e` */
export async function ask(port: number, path: string, options: RawRequest = {}): Promise<RawReply> {
  const { body, agent = false, ...rest } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, agent, ...rest }, (response) => {
      buffer(response).then(
        (bytes) =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes }),
        reject,
      );
    });
    request.once('error', reject);
    request.end(body);
  });
}

/** What nginx's cache did: `HIT`, `MISS`, `STALE`… */
export function cacheStatus({ headers }: RawReply): string | undefined {
  const status = headers['x-cache-status'];
  return typeof status === 'string' ? status : undefined;
}
