/** The service as it is delivered: compiled, in a process of its own. */
import { execFileSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/support/ports.ts';
import { processTree } from './cpu.ts';
import type { Running, Workshop } from './workshop.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const STARTS_WITHIN_MS = 20_000;

export type Service = Running & {
  readonly url: string;
  /** With its renderers, the HTTP process first. */
  readonly tree: () => number[];
  /** The sum of a metric's samples over all of its labels that contain `label`. */
  readonly metric: (name: string, label?: string) => Promise<number>;
  /** Such sums of several, from one answer. */
  readonly metrics: (names: readonly string[], label?: string) => Promise<number[]>;
};

type ServiceOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly core?: number | undefined;
  /** Modules loaded into the HTTP process before the service. */
  readonly preload?: string;
};

/** `BENCH_MAIN` names another build to measure; else this one is made anew, once. */
export function builtMain(): string {
  const { BENCH_MAIN } = process.env;
  if (BENCH_MAIN !== undefined) return BENCH_MAIN;
  if (!isBuilt) execFileSync('npm', ['run', 'build', '--silent'], { cwd: ROOT, stdio: 'inherit' });
  isBuilt = true;
  return join(ROOT, 'dist', 'main.js');
}

let isBuilt = false;

/** `BENCH_NODE_FLAGS` are tried on the HTTP process. */
function nodeFlags(): string[] {
  return process.env['BENCH_NODE_FLAGS']?.split(' ') ?? [];
}

/** @throws Error when it does not answer within 20 s */
export async function startService(
  workshop: Workshop,
  { env = {}, core, preload }: ServiceOptions = {},
): Promise<Service> {
  const main = builtMain();
  const [port, adminPort] = [await freePort(), await freePort()];
  const log = openSync(join(workshop.folder, `service-${port}.log`), 'a');
  const running = workshop.start(
    process.execPath,
    [...nodeFlags(), ...(preload === undefined ? [] : ['--import', preload]), main],
    {
      core,
      stdio: ['ignore', log, log, ...(preload === undefined ? [] : ['ipc' as const])],
      env: {
        HOST: '127.0.0.1',
        PORT: String(port),
        ADMIN_PORT: String(adminPort),
        AVATAR_DRAIN_MS: '0',
        AVATAR_MEMORY_MB: '64',
        ...env,
      },
    },
  );
  const url = `http://127.0.0.1:${port}`;
  await untilAnswered(`${url}/healthz`, running);
  const metrics: Service['metrics'] = async (names, label = '') => {
    const { body } = await ask(`http://127.0.0.1:${adminPort}/metrics`);
    const lines = body.toString().split('\n');
    return names.map((name) => sumOf(lines, name, label));
  };
  return {
    ...running,
    url,
    tree: () => processTree(running.pid),
    metrics,
    metric: async (name, label) => (await metrics([name], label))[0] ?? 0,
  };
}

function sumOf(lines: readonly string[], name: string, label: string): number {
  const samples = lines.filter((line) => /^[a-z_]+/.exec(line)?.[0] === name);
  return samples
    .filter((line) => line.includes(label))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
}

export type Asked = {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
};

/** One request on a connection of its own. */
export async function ask(url: string): Promise<Asked> {
  return await new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      buffer(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        reject,
      );
    }).on('error', reject);
  });
}

/** @returns when the first 200 came, on the clock of `performance.now()` */
export async function untilAnswered(url: string, running: Running, everyMs = 5): Promise<number> {
  const giveUpAt = performance.now() + STARTS_WITHIN_MS;
  while (performance.now() < giveUpAt) {
    if (running.child.exitCode !== null) throw new Error(`what was to answer ${url} has ended`);
    try {
      if ((await ask(url)).status === 200) return performance.now();
    } catch {
      // Not listening yet.
    }
    await sleep(everyMs);
  }
  throw new Error(`${url} did not answer within ${STARTS_WITHIN_MS} ms`);
}
