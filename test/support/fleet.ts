/**
 * Several real instances behind a real NGINX on `deploy/nginx/fleet.conf`, one store of originals and
 * one of variants. Instances are killed and started at will, each on a port of its own.
 */
import { readdir, readFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { change, type Nginx, runNginx } from './nginx.ts';
import { freePort } from './ports.ts';
import { type Service, startService } from './service.ts';
import { isRender } from './visitors.ts';

export const FLEET_CONF = join(import.meta.dirname, '..', '..', 'deploy', 'nginx', 'fleet.conf');

type Fleet = {
  /** NGINX's. */
  readonly port: number;
  /** The places of instances that run. */
  running(): number[];
  /** Of their HTTP processes. */
  pids(): number[];
  /** Entries in NGINX's cache. */
  cached(): Promise<number>;
  /** With SIGKILL, in the middle of whatever it does. */
  kill(place: number): Promise<void>;
  /** Resolves when it answers. */
  start(place: number): Promise<void>;
  /**
   * Attempts of NGINX that an instance took and did not finish; of these, those after which another
   * had to render. What dies with an instance may have been a render too, and here it was: an instance
   * replies before it stores, so nobody found in the store what was never sent.
   */
  cutShort(): Promise<{ attempts: number; renders: number }>;
  /** Which instances answered for each path, by place. */
  answeredBy(): Promise<Map<string, Set<number>>>;
  /** Warnings and errors the instances have logged, and NGINX. */
  troubles(): Promise<string[]>;
  stop(): Promise<void>;
};

type FleetOptions = {
  readonly instances: number;
  readonly variables: Record<string, string>;
  /** Whether NGINX keeps copies; else every request meets an instance. */
  readonly caches: boolean;
  /** Memory for its keys, 8,000 a megabyte: full, the least recently used go. */
  readonly keyMemory?: string;
};

/** `FLEET_MAIN` names another build to run than these sources. */
export async function startFleet({
  instances,
  variables,
  caches,
  keyMemory = '10m',
}: FleetOptions): Promise<Fleet> {
  const ports = await Promise.all(Array.from({ length: instances }, () => freePort()));
  const running = new Map<number, Service>();
  const outputs: (() => string)[] = [];

  const start = async (place: number): Promise<void> => {
    const service = await startService(
      { LOG_LEVEL: 'warn', ...variables, PORT: String(ports[place]) },
      process.env['FLEET_MAIN'],
    );
    outputs.push(() => service.output());
    running.set(place, service);
    await service.ready();
  };
  const kill = async (place: number): Promise<void> => {
    const service = running.get(place);
    running.delete(place);
    service?.child.kill('SIGKILL');
    await service?.exited;
  };

  const text = readFileSync(FLEET_CONF, 'utf8');
  const killAll = async (): Promise<void> => {
    await Promise.all([...running.keys()].map((place) => kill(place)));
  };
  let nginx: Nginx;
  try {
    await Promise.all(ports.map((_port, place) => start(place)));
    nginx = await runNginx((where) => placeFleet(text, { ...where, ports, caches, keyMemory }));
  } catch (error) {
    await killAll();
    throw error;
  }
  return {
    port: nginx.port,
    running: () => [...running.keys()],
    pids: () => [...running.values()].flatMap(({ child }) => child.pid ?? []),
    cached: async () => {
      const entries = await readdir(join(nginx.folder, 'cache'), { recursive: true });
      return entries.filter((name) => /[\da-f]{32}$/.test(name)).length;
    },
    kill,
    start,
    cutShort: async () => {
      const cut = (await attemptsOf(nginx)).map(({ attempts, cacheStatus }) => ({
        count: attempts.filter(({ status, isConnected }) => isConnected && status === 502).length,
        isRender: isRender(cacheStatus),
      }));
      const sum = (counts: readonly { count: number }[]): number =>
        counts.reduce((total, { count }) => total + count, 0);
      return { attempts: sum(cut), renders: sum(cut.filter((each) => each.isRender)) };
    },
    answeredBy: async () => {
      const found = new Map<string, Set<number>>();
      for (const { path, attempts } of await attemptsOf(nginx)) {
        const place = ports.indexOf(Number(attempts.at(-1)?.address.split(':')[1]));
        found.set(path, (found.get(path) ?? new Set()).add(place));
      }
      return found;
    },
    troubles: async () => [
      ...outputs.flatMap((output) => output().split('\n')).filter((line) => line !== ''),
      ...(await nginx.errors())
        .split('\n')
        .filter((line) => / \[(?:error|crit|alert|emerg)\] /.test(line)),
    ],
    stop: async () => {
      await nginx.stop();
      await killAll();
    },
  };
}

type Placed = {
  readonly folder: string;
  readonly port: number;
  readonly ports: readonly number[];
  readonly caches: boolean;
  readonly keyMemory?: string;
};

/** The configuration as it runs in a folder of its own, with these instances. */
export function placeFleet(
  text: string,
  { folder, port, ports, caches, keyMemory = '10m' }: Placed,
): string {
  const servers = (settings: string): string =>
    ports.map((each) => `        server 127.0.0.1:${each} ${settings};\n`).join('');
  // Named twice or more, like the servers: all of them mean the same.
  const everywhere = text
    .replaceAll('/tmp/', `${folder}/`)
    .replaceAll(/(?<=^ +proxy_cache )avatars(?=;$)/gm, caches ? 'avatars' : 'off');
  return change(everywhere, [
    { what: /^pid .*\n/gm, to: '' },
    { what: /^worker_processes auto;$/gm, to: 'worker_processes 2;' },
    { what: /^error_log .*$/gm, to: `error_log ${folder}/error.log warn;` },
    { what: /(?<=^ +access_log )\/dev\/stdout(?= avatars;$)/gm, to: `${folder}/access.log` },
    { what: /(?<= keys_zone=avatars:)10m/g, to: keyMemory },
    { what: /(?<=^ +proxy_cache_path )\S+/gm, to: `${folder}/cache` },
    {
      what: /^(?: +server avatar-proxy-\d:8080 max_fails=1 fail_timeout=2s;\n)+/gm,
      to: servers('max_fails=1 fail_timeout=2s'),
    },
    {
      what: /^(?: +server avatar-proxy-\d:8080 max_fails=0;\n)+/gm,
      to: servers('max_fails=0'),
    },
    { what: /(?<=^ +listen )8000(?=;$)/gm, to: `127.0.0.1:${port}` },
  ]);
}

type Attempt = { readonly address: string; readonly status: number; readonly isConnected: boolean };

/** What NGINX asked of whom, from the end of each line of its log: `A, B|502, 200|0.000, 0.001`. */
async function attemptsOf(
  nginx: Nginx,
): Promise<{ path: string; attempts: Attempt[]; cacheStatus: string }[]> {
  const lines = (await readFile(join(nginx.folder, 'access.log'), 'utf8')).split('\n');
  return lines.flatMap((line) => {
    const found =
      /"GET (?<path>\S+) .* "(?<cacheStatus>[^"]*)" (?<tried>[^|"]*\|[^|]*\|[^|]*)$/.exec(
        line,
      )?.groups;
    if (found === undefined) return [];
    const [addresses = [], statuses = [], times = []] = (found['tried'] ?? '')
      .split('|')
      // Comma between attempts, colon after a redirect within NGINX.
      .map((list) => list.split(/, | : /));
    const attempts = addresses.map((address, index) => ({
      address,
      status: Number(statuses[index]),
      isConnected: times[index] !== '-',
    }));
    const { path = '', cacheStatus = '' } = found;
    return [{ path, attempts, cacheStatus }];
  });
}
