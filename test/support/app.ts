/** The whole service in this process, with its log lines and metrics at hand. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pino from 'pino';
import { type App, buildApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { LineBuffer } from '../../src/telemetry/line-buffer.ts';
import type { Log } from '../../src/telemetry/log.ts';

export type LogLine = Record<string, unknown>;

export type TestApp = App & {
  /** `http://127.0.0.1:PORT`, once it listens. */
  listen(): Promise<string>;
  readonly lines: LogLine[];
  /** Sum over all series of this metric whose labels contain those given. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
};

/** @param variables as an operator sets them; a single renderer unless they say otherwise */
export async function startApp(variables: Record<string, string> = {}): Promise<TestApp> {
  const lines: LogLine[] = [];
  const write = (text: string): void => {
    for (const line of text.trimEnd().split('\n')) {
      const parsed: LogLine = JSON.parse(line);
      lines.push(parsed);
    }
  };
  const logger = pino({ level: 'debug', base: null }, { write });
  const config = await loadConfig({
    PORT: '0',
    ADMIN_PORT: '0',
    AVATAR_RENDERS: '1',
    ...variables,
  });
  const log: Log = { logger, lines: new LineBuffer(write), droppedLines: 0 };
  const app = await buildApp(config, log);
  return {
    ...app,
    lines,
    listen: () => app.server.listen({ host: '127.0.0.1', port: 0 }),
    async metric(name, labels = {}) {
      const { body } = await app.admin.inject('/metrics');
      return sumOf(body, name, labels);
    },
  };
}

/** A folder of originals that goes away with `remove`; keys as the default locator has them. */
export async function createFolder(originals: Record<string, Buffer> = {}): Promise<{
  directory: string;
  put(key: string, bytes: Buffer): Promise<void>;
  remove(): Promise<void>;
}> {
  const directory = await mkdtemp(join(tmpdir(), 'avatar-proxy-'));
  const put = async (key: string, bytes: Buffer): Promise<void> => {
    const file = join(directory, key);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  };
  for (const [key, bytes] of Object.entries(originals)) await put(key, bytes);
  return { directory, put, remove: () => rm(directory, { recursive: true, force: true }) };
}

function sumOf(exposition: string, name: string, labels: Record<string, string>): number {
  let sum = 0;
  for (const line of exposition.split('\n')) {
    const match = /^(?<series>\w+)(?:\{(?<labels>.*)\})? (?<value>\S+)$/.exec(line)?.groups;
    if (match?.['series'] !== name) continue;
    const has = Object.entries(labels).every(([key, value]) =>
      match['labels']?.includes(`${key}="${value}"`),
    );
    if (has) sum += Number(match['value']);
  }
  return sum;
}
