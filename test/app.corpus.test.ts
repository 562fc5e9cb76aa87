/** Every picture there is, to the service as operators run it, by the way every original takes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processTree, proportionalMegabytes, treeCpuSeconds } from '../bench/support/cpu.ts';
import { whileWatching } from '../bench/support/watch.ts';
import { Deaths } from '../fuzz/deaths.ts';
import { createFolder } from './support/app.ts';
import { card, CARD_CHECK, farthestCorner, lookAt } from './support/cards.ts';
import { type Case, hasCorpus, loadCases } from './support/corpus.ts';
import { freePort } from './support/ports.ts';
import { type Service, startService } from './support/service.ts';

const RENDERERS = 4;
/** What pictures may add to the memory of all processes together, one after the other: 16 for variants. */
const ROOM_MB = 16 + 300;
/** And at once: 256 for what is decoded, 70 that misses leave in the process that listens, the decoders' own. */
const ROOM_AT_ONCE_MB = 400;
/** By itself. How long one that relieves another is there beside it depends on the machine. */
const FRESH_RENDERER_MB = 40;
/** Of all processes together, for one picture. */
const MOST_CPU_SECONDS = 2;
const SIZE = 90;

let folder: Awaited<ReturnType<typeof createFolder>>;
let service: Service;
let cases: readonly Case[];
let idle: { readonly megabytes: number; readonly processes: number };

beforeAll(async () => {
  cases = await loadCases();
  folder = await createFolder({ 'h/good/1': await card(300, 300).jpeg().toBuffer() });
  for (const [index, { bytes }] of cases.entries()) await folder.put(`h/case-${index}/1`, bytes);
  const adminPort = await freePort();
  service = await startService({
    AVATAR_ORIGINALS: `file:${folder.directory}`,
    AVATAR_MEMORY_MB: '16',
    AVATAR_RENDERS: String(RENDERERS),
    ADMIN_PORT: String(adminPort),
    LOG_LEVEL: 'error',
  });
  await service.ready();
  await requireGoodAnswer(SIZE);
  // One that is still coming up has yet to take what it has at rest.
  while (!(await areAllUp(adminPort))) await sleep(20);
  const tree = processTree(pid());
  idle = { megabytes: proportionalMegabytes(tree), processes: tree.length };
}, 60_000);

afterAll(async () => {
  service.child.kill('SIGTERM');
  await service.exited;
  await folder.remove();
});

describe(`each of the pictures ${hasCorpus ? 'collected' : 'made here'}`, () => {
  it('is answered as it should be, in little time and memory, and the next one too', async () => {
    const mistakes: string[] = [];
    const seen: number[] = [];
    for (const [index, picture] of cases.entries()) {
      const before = treeCpuSeconds(pid());
      const { result: reply, seen: memory } = await whileWatching(addedMegabytes, 15, () =>
        ask(`case-${index}`, SIZE),
      );
      const cpu = treeCpuSeconds(pid()) - before;
      seen.push(...memory);
      const complaint = await complaintOf(picture, reply);
      if (complaint !== undefined) mistakes.push(`${picture.name}: ${complaint}`);
      if (cpu > MOST_CPU_SECONDS) mistakes.push(`${picture.name}: ${cpu} s of CPU`);
      // Another size each time: it is read, decoded and encoded anew.
      if (index % 10 === 0) await requireGoodAnswer(8 + (index % 900));
    }
    expect(mistakes).toEqual([]);
    expect(Math.max(...seen)).toBeLessThan(ROOM_MB);
    expect(cases.length).toBeGreaterThan(30);
  }, 300_000);
});

describe('the heaviest of them', () => {
  it('all at once take no more memory than there is for them, and the next one comes through', async () => {
    const heavy = heaviest(16);
    const { result: replies, seen } = await whileWatching(addedMegabytes, 15, () =>
      // Another size than before: nothing of it is cached.
      Promise.all(heavy.map((index) => ask(`case-${index}`, SIZE + 1))),
    );
    // On a busy machine some are late, or foreseen to be.
    for (const { status } of replies) expect([200, 422, 503, 504]).toContain(status);
    expect(replies.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    expect(Math.max(...seen)).toBeLessThan(ROOM_AT_ONCE_MB);
    await requireGoodAnswer(SIZE + 1);
  }, 60_000);

  it('and all the others are no renderer’s death', async () => {
    // The last lines of its log come with its end.
    service.child.kill('SIGTERM');
    await service.exited;
    const deaths = new Deaths().in(service.output());
    expect(deaths.filter(({ isStarved }) => !isStarved)).toEqual([]);
  });
});

async function areAllUp(adminPort: number): Promise<boolean> {
  const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return metrics.includes(`\navatar_renderers_up ${RENDERERS}\n`);
}

type Reply = { readonly status: number; readonly body: Buffer };

async function ask(user: string, size: number): Promise<Reply> {
  const reply = await fetch(`${service.url}/user_avatar/h/${user}/${size}/1.png`);
  return { status: reply.status, body: Buffer.from(await reply.arrayBuffer()) };
}

async function requireGoodAnswer(size: number): Promise<void> {
  const { status, body } = await ask('good', size);
  expect(status).toBe(200);
  const picture = await lookAt(body);
  expect([picture.width, picture.height]).toEqual([size, size]);
  const { off } = farthestCorner(picture.corners, CARD_CHECK.corners);
  expect(off).toBeLessThan(CARD_CHECK.maxDeltaE);
}

/** What is wrong with the answer, if anything is. */
async function complaintOf(picture: Case, { status, body }: Reply): Promise<string | undefined> {
  if (status === 200) {
    if (picture.strict && picture.expected === 'reject' && !picture.dangerous) return 'accepted';
    const shown = await lookAt(body);
    if (shown.width !== SIZE || shown.height !== SIZE) return 'of the wrong size';
    if (picture.check === undefined) return undefined;
    const { corner, off } = farthestCorner(shown.corners, picture.check.corners);
    return off > picture.check.maxDeltaE ? `${corner} is off by ${off}` : undefined;
  }
  const text = body.toString();
  if (status !== 422 || !/"code":"original_\w+"/.test(text)) return `${status} ${text}`;
  return picture.strict && picture.expected === 'ok' ? `refused: ${text}` : undefined;
}

/** By what their headers promise, of the good ones: most others never come as far as a decoder. */
function heaviest(count: number): number[] {
  return cases
    .map(({ width, height }, index) => ({ pixels: (width ?? 0) * (height ?? 0), index }))
    .filter(({ index }) => cases[index]?.expected === 'ok')
    .toSorted((a, b) => b.pixels - a.pixels)
    .slice(0, count)
    .map(({ index }) => index);
}

function pid(): number {
  return service.child.pid ?? 0;
}

/** What they share is counted once, however many they are. */
function addedMegabytes(): number {
  const tree = processTree(pid());
  const relieving = Math.max(0, tree.length - idle.processes);
  return proportionalMegabytes(tree) - idle.megabytes - relieving * FRESH_RENDERER_MB;
}
