/** The real Prometheus and its promtool, where they are installed (Debian: `prometheus`). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './ports.ts';
import { findProgram } from './programs.ts';

const PROMTOOL = findProgram('promtool');
const PROMETHEUS = findProgram('prometheus');

export const hasPrometheus = PROMTOOL !== undefined && PROMETHEUS !== undefined;

if (!hasPrometheus && process.env['REQUIRE_PROMTOOL'] === '1') {
  throw new Error('REQUIRE_PROMTOOL=1, and prometheus is not installed');
}

/** @returns everything promtool says against it; nothing when it is content */
export async function promtool(args: readonly string[], input = ''): Promise<string> {
  const child = spawn(PROMTOOL ?? 'promtool', [...args]);
  child.stdin.end(input);
  const [said, complained] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return child.exitCode === 0 ? '' : said + complained;
}

type Series = {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, value: string];
};

type Alert = {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
};

export type Prometheus = {
  /** @throws Error with what Prometheus says of a bad expression */
  query(expression: string): Promise<readonly Series[]>;
  alerts(): Promise<readonly Alert[]>;
  stop(): Promise<void>;
};

type PrometheusOptions = {
  /** `HOST:PORT` of each thing scraped, by job. */
  readonly targets: Readonly<Record<string, readonly string[]>>;
  /** Of scraping and of rules, in seconds. */
  readonly everySeconds: number;
  /** The text of a file of rules. */
  readonly rules?: string;
};

/** A server on the loopback interface, its data in a folder that goes away with it. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'avatar-prometheus-'));
  const port = await freePort();
  await writeFile(join(folder, 'prometheus.yml'), configuration(options));
  await writeFile(join(folder, 'rules.yml'), options.rules ?? 'groups: []\n');
  const child = spawn(
    PROMETHEUS ?? 'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const complaints = text(child.stderr);
  const ended = once(child, 'close');
  const base = `http://127.0.0.1:${port}`;

  const get = async <Data>(path: string): Promise<Data> => {
    // Not compressed: that would need a thread of the pool, which a test may have filled.
    const headers = { 'accept-encoding': 'identity' };
    const reply = await fetch(`${base}/api/v1/${path}`, { headers });
    const body: { status: string; error?: string; data: Data } = JSON.parse(await reply.text());
    if (body.status !== 'success') throw new Error(`${path}: ${body.error}`);
    return body.data;
  };
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  while (!(await isReady(base))) {
    if (child.exitCode !== null) throw new Error(`prometheus ended:\n${await complaints}`);
    await sleep(50);
  }
  return {
    async query(expression) {
      const { result } = await get<{ result: Series[] }>(
        `query?query=${encodeURIComponent(expression)}`,
      );
      return result;
    },
    alerts: async () => (await get<{ alerts: Alert[] }>('alerts')).alerts,
    stop,
  };
}

async function isReady(base: string): Promise<boolean> {
  try {
    return (await fetch(`${base}/-/ready`)).ok;
  } catch {
    return false;
  }
}

/** In JSON, which is YAML. */
function configuration({ targets, everySeconds }: PrometheusOptions): string {
  const every = `${everySeconds}s`;
  return JSON.stringify({
    global: { scrape_interval: every, scrape_timeout: every, evaluation_interval: every },
    rule_files: ['rules.yml'],
    scrape_configs: Object.entries(targets).map(([job, addresses]) => ({
      job_name: job,
      static_configs: [{ targets: addresses }],
    })),
  });
}
