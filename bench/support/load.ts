/** Load: as fast as it is answered (`hammer`, `closedLoop`), or at a fixed rate (`openLoop`). */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { findProgram } from '../../test/support/programs.ts';
import type { Workshop } from './workshop.ts';

export type Plan = {
  /** Of one server: connections are used for any of them. */
  readonly urls: readonly string[];
  /** Whether to begin again at the end of the addresses; else each is asked for once. */
  readonly repeats: boolean;
  /** Requests a second, whether answered or not; undefined: the next one when one is answered. */
  readonly rate?: number | undefined;
  readonly connections: number;
  readonly seconds: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The address requests come from: any of 127.0.0.0/8 (Linux). */
  readonly from?: string | undefined;
};

export type Reply = {
  readonly url: string;
  /** 0 when the connection broke. */
  readonly status: number;
  readonly bytes: number;
  /** From when it was due to the last byte of its reply. */
  readonly ms: number;
  /** When it was due, in milliseconds after the start. */
  readonly at: number;
};

const GENERATOR = join(import.meta.dirname, 'generator.ts');
/** No wait of a bench is longer than this, whatever the servers do. */
const LONGEST_SECONDS = 300;
/** At a fixed rate: as many as the rate needs. */
const MOST_CONNECTIONS = 10_000;

async function generate(workshop: Workshop, plan: Plan, core?: number): Promise<Reply[]> {
  const name = join(workshop.folder, `load-${randomUUID()}`);
  writeFileSync(`${name}.plan`, JSON.stringify(plan));
  const running = workshop.start(process.execPath, [GENERATOR, `${name}.plan`, `${name}.replies`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    core,
  });
  const timer = setTimeout(() => void running.stop(), LONGEST_SECONDS * 1000);
  try {
    const [code] = await once(running.child, 'exit');
    if (code !== 0) throw new Error(`the load generator ended with ${String(code)}`);
  } finally {
    clearTimeout(timer);
    await running.stop();
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return JSON.parse(readFileSync(`${name}.replies`, 'utf8')) as Reply[];
}

/** Each address once, so many at a time, for at most so long. */
export async function closedLoop(
  workshop: Workshop,
  urls: readonly string[],
  connections: number,
  seconds = LONGEST_SECONDS,
  from?: string,
): Promise<Reply[]> {
  return await generate(workshop, { urls, repeats: false, connections, seconds, from });
}

/** So many a second, each address once or over and over, whether or not they are answered. */
export async function openLoop(
  workshop: Workshop,
  options: Pick<Plan, 'urls' | 'seconds' | 'repeats' | 'from'> & { readonly rate: number },
): Promise<Reply[]> {
  return await generate(workshop, { ...options, connections: MOST_CONNECTIONS });
}

type Hammering = {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly core?: number | undefined;
};

/**
 * One address over keep-alive connections, as fast as it is answered.
 * @returns how many requests were answered
 * @throws Error when one was answered with a failure, or not at all
 */
export async function hammer(workshop: Workshop, options: Hammering): Promise<number> {
  const { url, connections, seconds, headers = {}, core } = options;
  const wrk = findProgram('wrk');
  if (wrk === undefined) {
    const plan = { urls: [url], repeats: true, connections, seconds, headers };
    const replies = await generate(workshop, plan, core);
    const failed = replies.find(({ status }) => status === 0 || status >= 400);
    if (failed !== undefined) throw new Error(`${url} was answered ${failed.status}`);
    return replies.length;
  }
  const lines = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, ...lines, url];
  const running = workshop.start(wrk, args, { stdio: ['ignore', 'pipe', 'inherit'], core });
  const { stdout } = running.child;
  if (stdout === null) throw new Error('wrk without its output');
  const output = await text(stdout);
  await running.stop();
  const answered = /(\d+) requests in/.exec(output)?.[1];
  if (answered === undefined || /Non-2xx|Socket errors/.test(output)) {
    throw new Error(`wrk on ${url} says:\n${output}`);
  }
  return Number(answered);
}
