/** Faults before S3 and PostgreSQL come and go under load: every request is answered as documented. */
import { Agent, get, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FAULTS } from '../../src/errors.ts';
import { type TestApp } from '../support/app.ts';
import { CROWD } from '../support/discourse-database.ts';
import { OUTAGES, runOutages } from '../support/fault-schedule.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { colourOf, pictureOf, see, useForum } from './fixture.ts';

/** Of the people in the crowd, those whose uploads there are. */
const FIRST = 100_000;
const PEOPLE = 300;
const WORKERS = 6;
const LASTS_MS = 700;

const forum = useForum(CROWD);
let database: TcpProxy;
let app: TestApp;
let url: string;
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  const { postgres, s3, bucket, start } = forum();
  const ids = Array.from({ length: PEOPLE }, (_, n) => FIRST + n);
  while (ids.length > 0) {
    const some = ids.splice(0, 20);
    await Promise.all(
      some.map(async (id) => s3.put(bucket, `original/3X/${id}.png`, await pictureOf(id, 16))),
    );
  }
  database = await startTcpProxy(postgres.port);
  app = await start({
    AVATAR_DISCOURSE_URL: postgres
      .url('forum', 'avatar_proxy')
      .replace(String(postgres.port), String(database.port)),
    AVATAR_SIZES: 'any',
    AVATAR_DEADLINE_MS: '2000',
    AVATAR_FOUND_SECONDS: '1',
    AVATAR_RENDERS: '2',
  });
  url = await app.listen();
}, 60_000);

afterAll(async () => {
  agent.destroy();
  await database.stop();
});

type Answer = {
  readonly statusCode: number;
  readonly headers: IncomingMessage['headers'];
  readonly rawPayload: Buffer;
};

async function ask(path: string): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url + path, { agent }, resolve).once('error', reject);
  });
  const { statusCode = 0, headers } = response;
  return { statusCode, headers, rawPayload: await buffer(response) };
}

let asked = 0;

/** An avatar nobody has asked for in this size: it needs the database, S3 and a renderer. */
function newAvatar(): { path: string; id: number } {
  const id = FIRST + (asked % PEOPLE);
  const size = 20 + Math.floor(asked / PEOPLE);
  asked += 1;
  return { path: `/user_avatar/default/user${id}/${size}/${id}_2.png`, id };
}

/** @returns what is wrong with it */
async function problemOf(answer: Answer, id: number): Promise<string | undefined> {
  const { statusCode, headers, rawPayload } = answer;
  if (statusCode === 200) {
    const { colour } = await see(answer);
    const isTheirs = colourOf(id).every((value, n) => Math.abs(value - (colour?.[n] ?? -99)) < 6);
    return isTheirs ? undefined : 'the picture of somebody else';
  }
  if (statusCode < 500) return `${statusCode} for an avatar there is`;
  if (headers['cache-control'] !== 'no-store') return `${statusCode} that may be kept`;
  const { code }: { code?: string } = JSON.parse(rawPayload.toString());
  const isDocumented = Object.entries(FAULTS).some(
    ([name, { status }]) => name === code && status === statusCode && name !== 'internal',
  );
  return isDocumented ? undefined : `${statusCode} ${code}`;
}

it('every request is answered as documented, and all is well soon after each fault', async () => {
  const first = newAvatar();
  const isUp = async (): Promise<number> => (await ask(first.path)).statusCode;
  await expect.poll(isUp, { timeout: 20_000 }).toBe(200);
  const wrong: string[] = [];
  /** Failures, by what was going on. */
  const failed = new Map<string, number>();
  let served = 0;
  let now = 'nothing';
  const over = new AbortController();
  const work = async (): Promise<void> => {
    for (let turn = 0; !over.signal.aborted; turn += 1) {
      // What is in memory is served whatever happens.
      const { path, id } = turn % 4 === 0 ? first : newAvatar();
      const answer = await ask(path).catch((error: unknown) => String(error));
      if (typeof answer === 'string') {
        wrong.push(`while ${now}: ${path}: ${answer}`);
        continue;
      }
      if (answer.statusCode === 200) served += 1;
      else failed.set(now, (failed.get(now) ?? 0) + 1);
      const problem =
        path === first.path && answer.statusCode !== 200
          ? `${answer.statusCode} of what is in memory`
          : await problemOf(answer, id);
      if (problem !== undefined) wrong.push(`while ${now}: ${path}: ${problem}`);
      await sleep(10);
    }
  };
  const workers = Array.from({ length: WORKERS }, work);
  try {
    await runOutages({ s3: forum().s3.proxy, database }, OUTAGES, {
      lastsMs: LASTS_MS,
      beforeEach: ({ what }) => (now = what),
      afterEach: async ({ what }) => {
        const isWell = async (): Promise<number> => (await ask(newAvatar().path)).statusCode;
        await expect.poll(isWell, { timeout: 10_000, message: `after ${what}` }).toBe(200);
      },
    });
  } finally {
    over.abort();
    await Promise.all(workers);
  }
  expect(wrong).toEqual([]);
  expect(served).toBeGreaterThan(OUTAGES.length);
  // They were faults. What is silent for less than a time-out fails nobody.
  // And on a slow machine one of them may be over before anybody asks.
  const felt = ['the database resets connections', 'S3 cuts bodies', 'S3 fails'];
  expect(felt.some((what) => failed.has(what))).toBe(true);
  await expect.poll(async () => (await ask('/readyz')).statusCode, { timeout: 15_000 }).toBe(200);
}, 120_000);
