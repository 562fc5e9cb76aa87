/** All sizes of many avatars into S3, beside sharp alone with as many renders at a time. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { createInspector } from '../src/inspect/inspect.ts';
import { intermediateSquare } from '../src/render/intermediate-square.ts';
import { type BenchContext, runAlone } from './support/bench.ts';
import { endedChildrenCpuSeconds } from './support/cpu.ts';
import { type Done, type LoopWork, type SharpLoop, startSharpLoop } from './support/misses.ts';
import { drawPictures, giveToUsers, type Picture } from './support/pictures.ts';
import { startS3 } from '../test/support/s3-server.ts';
import { builtMain } from './support/service.ts';
import { ratios } from './support/statistics.ts';
import { type Report, withSpread } from './support/table.ts';
import type { Workshop } from './support/workshop.ts';

/** Discourse's own list, and the same for screens with two pixels in the place of one. */
const SIZES = [24, 48, 72, 96, 144, 192, 240, 288, 360];

/** That of renderers: what else the machine does would decide otherwise. */
const NICENESS = 10;

type Forum = {
  readonly folder: string;
  readonly work: readonly LoopWork[];
  readonly variants: number;
};

export async function publish({ quick, workshop, say }: BenchContext): Promise<Report> {
  const [rounds, users] = quick ? [2, 72] : [3, 240];
  const pictures = await drawPictures(join(workshop.folder, 'pictures'));
  const s3 = await startS3();
  try {
    const bucket = await s3.createBucket('publish');
    const forum = await gather(workshop, pictures, users);
    const loop = startSharpLoop(workshop, forum.work, { niceness: NICENESS });
    const store = { bucket, connection: s3 };
    const storing = startSharpLoop(workshop, forum.work, { niceness: NICENESS, store });
    const results = new Map<string, Done[]>();
    const note = (name: string, done: Done): void => {
      results.set(name, [...(results.get(name) ?? []), done]);
    };
    for (let round = 0; round <= rounds; round += 1) {
      for (const atOnce of [1, 2]) {
        const variables = {
          AVATAR_ORIGINALS: `file:${forum.folder}`,
          AVATAR_VARIANTS: `s3://${bucket}/${round}-${atOnce}?region=us-east-1&endpoint=${s3.endpoint}`,
          AVATAR_SIZES: SIZES.join(' '),
          AVATAR_RENDERS: String(atOnce),
          AWS_ACCESS_KEY_ID: s3.accessKeyId,
          AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
        };
        note(`publish, ${atOnce} at once`, await publishOnce(workshop, variables, forum.variants));
        // The server keeps it all in memory, which the fifth round would fill: it stops answering then.
        await s3.empty(bucket);
        note(`sharp alone, ${atOnce} at once`, await sharpOnce(loop, atOnce, forum));
        note(`sharp that stores, ${atOnce} at once`, await sharpOnce(storing, atOnce, forum));
        await s3.empty(bucket);
      }
      // The first is not counted: compilers warm up, files are read into memory.
      if (round === 0) results.clear();
      say(`round ${round} of ${rounds}`);
    }
    const of = (name: string): number[] =>
      (results.get(name) ?? []).map(({ perSecond }) => perSecond);
    return {
      title: 'Publish',
      about:
        `${users} avatars, of six originals, in ${SIZES.length} sizes as PNG: \`avatar-proxy publish\` from a folder into an ` +
        `empty prefix of a bucket, and sharp alone in one process, originals in memory, nothing stored, with the same ` +
        `decodes (one for several sizes of a large original), as many renders at once and the priority of renderers; and the ` +
        `same loop with what it makes put into the bucket; ${rounds} interleaved rounds.`,
      tables: [
        {
          head: ['who', 'renders per second', 'CPU ms each'],
          rows: [...results].map(([name, done]) => [
            name,
            withSpread(of(name)),
            withSpread(done.map(({ cpuMsEach }) => cpuMsEach)),
          ]),
        },
      ],
      targets: [1, 2].map((atOnce) => ({
        what: `renders per second ÷ sharp alone, ${atOnce} at once`,
        values: ratios(of(`publish, ${atOnce} at once`), of(`sharp alone, ${atOnce} at once`)),
        atLeast: 0.9,
      })),
      notes: [
        `The S3 server (${s3.kind}) shares the cores: with as many renders as cores its work, and that of talking to it, ` +
          `is taken from them. The loop that stores is what is left to reach with it.`,
        'The CPU of publish is that of the command, its start included, and its renderers, without the S3 server.',
      ],
      plots: [],
    };
  } finally {
    await s3.stop();
  }
}

/** A folder of users, and the same work for sharp alone. */
async function gather(
  workshop: Workshop,
  pictures: readonly Picture[],
  users: number,
): Promise<Forum> {
  const folder = join(workshop.folder, 'published');
  const owned = Array.from({ length: users }, (_, index) => {
    const picture = pictures[index % pictures.length];
    if (picture === undefined) throw new Error('no pictures');
    return { user: `user-${index}`, picture };
  });
  await giveToUsers(folder, owned);
  const work = owned.flatMap(({ picture }) => workOf(picture));
  return { folder, work, variants: users * SIZES.length };
}

/** Sizes that the service makes from one decode are one piece of work. */
function workOf({ file, bytes }: Picture): LoopWork[] {
  const original = createInspector({ maxPixels: 50e6 }).inspect(bytes);
  const groups = Map.groupBy(SIZES, (size) => intermediateSquare(original, size));
  return [...groups].flatMap(([square, sizes]): LoopWork[] => {
    if (square === undefined) return sizes.map((size) => ({ file, size, format: 'png' }));
    const [size = 0, ...also] = sizes;
    return [{ file, size, also, format: 'png' }];
  });
}

async function sharpOnce(
  loop: SharpLoop,
  atOnce: number,
  { work, variants }: Forum,
): Promise<Done> {
  const { perSecond, cpuMsEach } = await loop.run(atOnce, 0, work.length);
  const each = variants / work.length;
  return { perSecond: perSecond * each, cpuMsEach: cpuMsEach / each };
}

/** @returns renders a second, as the command tells at its end */
async function publishOnce(
  workshop: Workshop,
  env: Readonly<Record<string, string>>,
  variants: number,
): Promise<Done> {
  const before = endedChildrenCpuSeconds();
  const main = join(builtMain(), '..', 'cli.js');
  const state = join(workshop.folder, 'publish.state');
  const args = [main, 'publish', '--json', '--rate', '100000', '--state', state];
  const { child } = workshop.start(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  });
  if (child.stdout === null) throw new Error('the command has no output');
  const ended = once(child, 'close');
  let last: { stored?: number; rendersPerSecond?: number } = {};
  for await (const line of createInterface({ input: child.stdout })) last = JSON.parse(line);
  await ended;
  const { stored, rendersPerSecond = 0 } = last;
  if (stored !== variants) throw new Error(`${stored} of ${variants} variants were stored`);
  const cpu = endedChildrenCpuSeconds() - before;
  return { perSecond: rendersPerSecond, cpuMsEach: (cpu * 1000) / variants };
}

if (import.meta.main) await runAlone(publish);
