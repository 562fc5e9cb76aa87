/**
 * Sends requests, as a process of its own, so that measuring and generating do not delay each other.
 * Takes a plan (`load.ts`) as the file named first, leaves replies as JSON in the file named second.
 */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { canGoAhead, goAhead } from './ahead.ts';
import { Connection } from './connection.ts';
import type { Plan, Reply } from './load.ts';

/** Behind them, compilers are warm: the slowest of a hundred hits would else be one of the first. */
const REHEARSED = 1000;

const [, , planFile = '', replyFile = ''] = process.argv;
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const plan = JSON.parse(readFileSync(planFile, 'utf8')) as Plan;
const headers = Object.entries(plan.headers ?? {})
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');
const idle: Connection[] = [];
const replies: Reply[] = [];
let nextIndex = 0;

await rehearse();
// Not before: while it starts it takes all it can get.
if (canGoAhead()) goAhead();
const startedAt = performance.now();
if (plan.rate === undefined) {
  await Promise.all(Array.from({ length: plan.connections }, () => oneAfterTheOther()));
} else {
  await whenTheyAreDue(plan.rate);
}
writeFileSync(replyFile, JSON.stringify(replies));
process.exit(0);

/** Before a server of its own: whoever is to be measured is not asked. */
async function rehearse(): Promise<void> {
  const server = createServer((_request, response) => response.end('rehearsed'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { port } = server.address() as AddressInfo;
  const now = performance.now();
  for (let count = 0; count < REHEARSED; count += 1) {
    await send(`http://127.0.0.1:${port}/`, now, now);
  }
  server.close();
  server.closeAllConnections();
  idle.length = 0;
  const failed = replies.splice(0).find(({ status }) => status !== 200);
  if (failed !== undefined) throw new Error(`the rehearsal was answered ${failed.status}`);
}

async function oneAfterTheOther(): Promise<void> {
  for (;;) {
    const url = plan.urls[next()];
    const isOver = performance.now() - startedAt > plan.seconds * 1000;
    if (url === undefined || isOver) return;
    await send(url, performance.now(), startedAt);
  }
}

/** Whether or not those before have been answered; late ones are late from when they were due. */
async function whenTheyAreDue(rate: number): Promise<void> {
  const sent: Promise<void>[] = [];
  const count = Math.floor(rate * plan.seconds);
  while (sent.length < count) {
    const dueBy = ((performance.now() - startedAt) / 1000) * rate;
    while (sent.length < Math.min(count, dueBy)) {
      const dueAt = startedAt + (sent.length / rate) * 1000;
      const url = plan.urls[next()];
      if (url === undefined) throw new Error('the plan has too few addresses');
      sent.push(send(url, dueAt, startedAt));
    }
    await sleep(1);
  }
  await Promise.all(sent);
}

/** The next address; from the start again where the plan repeats. */
function next(): number {
  const index = nextIndex;
  nextIndex += 1;
  return plan.repeats ? index % plan.urls.length : index;
}

/** @param since when the clock of the replies began */
async function send(url: string, dueAt: number, since: number): Promise<void> {
  const address = new URL(url);
  let connection = idle.pop();
  // The server may have closed those that were idle for long.
  while (connection?.isOpen === false) connection = idle.pop();
  connection ??= new Connection(address, plan.from);
  const { status, bytes } = await connection.get(address, headers);
  idle.push(connection);
  replies.push({ url, status, bytes, ms: performance.now() - dueAt, at: dueAt - since });
}
