/**
 * Three instances behind NGINX with the configuration the project hands out, restarted one after the
 * other while avatars are asked for at a fixed rate: what an operator does to deploy.
 */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { createFolder } from './app.ts';
import { ask, startNginx } from './nginx.ts';
import { freePort } from './ports.ts';
import { type Service, startService } from './service.ts';

type RollingRestart = {
  /** How often all three are restarted. */
  readonly rounds: number;
  /** Requests a second, each of them for an instance. */
  readonly rate: number;
  /** One in so many is an avatar to be rendered; the others are redirects. */
  readonly renderEvery: number;
  readonly drainMs: number;
  /** Of a build; the sources by default. */
  readonly main?: string;
  readonly onRestart?: (round: number, instance: number) => void;
};

type RollingResult = {
  readonly requests: number;
  /** What was not a whole avatar, with what came instead. */
  readonly failures: readonly string[];
  readonly restarts: number;
  /** Exit codes of the instances, of which each should be 0. */
  readonly exitCodes: readonly (number | null)[];
  readonly seconds: number;
};

const INSTANCES = 3;
const SIZE = 48;
/** As many originals as there are; their keys have no id, so that each can be asked for as many. */
const USERS = 20;

export async function rollRestarts(plan: RollingRestart): Promise<RollingResult> {
  const picture = await sharp({
    create: { width: 32, height: 32, channels: 3, background: '#a53' },
  })
    .png()
    .toBuffer();
  const originals = Array.from({ length: USERS }, (_, user) => [`user${user}`, picture]);
  const folder = await createFolder(Object.fromEntries(originals));
  const ports = await Promise.all(Array.from({ length: INSTANCES }, freePort));
  const start = async (port: number): Promise<Service> => {
    const service = await startService(
      {
        PORT: String(port),
        AVATAR_ORIGINALS: `file:${folder.directory}`,
        AVATAR_LOCATOR: 'template:{user}',
        AVATAR_SIZES: String(SIZE),
        AVATAR_DRAIN_MS: String(plan.drainMs),
        AVATAR_RENDERS: '1',
        AVATAR_MEMORY_MB: '16',
      },
      plan.main,
    );
    await untilReady(service);
    return service;
  };
  const instances = await Promise.all(ports.map(start));
  const nginx = await startNginx(
    { avatars: `127.0.0.1:${ports[0]}`, forum: '127.0.0.1:1' },
    (text) => withOthers(text, ports.slice(1)),
  );
  const startedAt = performance.now();
  const over = new AbortController();
  const load = openLoop(nginx.port, plan, over.signal);
  const exitCodes: (number | null)[] = [];
  try {
    for (let round = 0; round < plan.rounds; round += 1) {
      for (const [index, port] of ports.entries()) {
        plan.onRestart?.(round, index);
        const leaving = instances[index];
        leaving?.child.kill('SIGTERM');
        exitCodes.push((await leaving?.exited) ?? null);
        instances[index] = await start(port);
      }
    }
  } finally {
    over.abort();
  }
  const { requests, failures } = await load;
  const seconds = (performance.now() - startedAt) / 1000;
  for (const { child } of instances) child.kill('SIGKILL');
  await Promise.all(instances.map(({ exited }) => exited));
  await nginx.stop();
  await folder.remove();
  return { requests, failures, restarts: exitCodes.length, exitCodes, seconds };
}

/** As whoever restarts them waits: until it wants requests. */
async function untilReady(service: Service): Promise<void> {
  await service.ready();
  while ((await fetch(`${service.url}/readyz`)).status !== 200) await sleep(20);
}

/** The instances the example has room for, in use. */
function withOthers(text: string, ports: readonly number[]): string {
  let changed = text;
  for (const [index, port] of ports.entries()) {
    const place = new RegExp(`# server 192\\.0\\.2\\.${index + 2}:8080[^;]*;`);
    const [first] = /max_fails=\d+ fail_timeout=\w+/.exec(text) ?? [];
    if (!place.test(changed)) throw new Error('the example has no room for more instances');
    changed = changed.replace(place, `server 127.0.0.1:${port} ${first};`);
  }
  return changed;
}

/** Another address each time, so that each request gets past the cache; whether or not they are answered. */
async function openLoop(
  port: number,
  { rate, renderEvery }: RollingRestart,
  signal: AbortSignal,
): Promise<{ requests: number; failures: string[] }> {
  const agent = new Agent({ keepAlive: true });
  const failures: string[] = [];
  const sent: Promise<void>[] = [];
  const startedAt = performance.now();
  const sendNext = async (n: number): Promise<void> => {
    const isRender = n % renderEvery === 0;
    const path = isRender ? newAvatar(n) : unlistedSize(n);
    const problem = await problemOf(port, path, isRender ? 200 : 302, agent);
    if (problem !== undefined) failures.push(`${path}: ${problem}`);
  };
  while (!signal.aborted) {
    const due = ((performance.now() - startedAt) / 1000) * rate;
    while (sent.length < due) sent.push(sendNext(sent.length));
    await sleep(2);
  }
  await Promise.all(sent);
  agent.destroy();
  return { requests: sent.length, failures };
}

const newAvatar = (n: number): string => `/user_avatar/forum/user${n % USERS}/${SIZE}/${n}.png`;
/** Redirected by the instance, which costs it little. */
const unlistedSize = (n: number): string =>
  `/user_avatar/forum/user/${SIZE + 1 + (n % 900)}/${n}.png`;

/** @returns what came instead of a whole reply of this status */
async function problemOf(
  port: number,
  path: string,
  expected: number,
  agent: Agent,
): Promise<string | undefined> {
  try {
    const { status, headers, body } = await ask(port, path, { agent });
    const isWhole = body.length === Number(headers['content-length']);
    if (status === expected && isWhole) return undefined;
    return `${status} ${body.toString('latin1').replaceAll(/\s+/g, ' ').slice(0, 200)}`;
  } catch (error) {
    return String(error);
  }
}
