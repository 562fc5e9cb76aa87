/**
 * Sends requests, as a process of its own, so that measuring and generating do not delay each other.
 * Takes a plan (`load.ts`) as the file named first, leaves replies as JSON in the file named second.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Plan, Reply } from './load.ts';

const [, , planFile = '', replyFile = ''] = process.argv;
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const plan = JSON.parse(readFileSync(planFile, 'utf8')) as Plan;
const agent = new Agent({
  keepAlive: true,
  maxSockets: plan.connections,
  scheduling: 'fifo',
  ...(plan.from !== undefined && { localAddress: plan.from }),
});
const replies: Reply[] = [];
const startedAt = performance.now();
let nextIndex = 0;

if (plan.rate === undefined) {
  await Promise.all(Array.from({ length: plan.connections }, () => oneAfterTheOther()));
} else {
  await whenTheyAreDue(plan.rate);
}
writeFileSync(replyFile, JSON.stringify(replies));
process.exit(0);

async function oneAfterTheOther(): Promise<void> {
  for (;;) {
    const url = plan.urls[next()];
    const isOver = performance.now() - startedAt > plan.seconds * 1000;
    if (url === undefined || isOver) return;
    await send(url, performance.now());
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
      sent.push(send(url, dueAt));
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

async function send(url: string, dueAt: number): Promise<void> {
  const reply = await new Promise<{ status: number; bytes: number }>((resolve) => {
    const request = get(url, { agent, headers: plan.headers ?? {} }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.byteLength));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
      response.on('error', () => resolve({ status: 0, bytes }));
    });
    request.on('error', () => resolve({ status: 0, bytes: 0 }));
  });
  const now = performance.now();
  replies.push({ url, ...reply, ms: now - dueAt, at: dueAt - startedAt });
}
