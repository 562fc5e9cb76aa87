/** The 20 sizes of one fresh upload, asked for at once, beside as many separate renders of it. */
import { join } from 'node:path';
import { type BenchContext, runAlone } from './support/bench.ts';
import { askForAll, avatarPath, type Miss, startSharpLoop } from './support/misses.ts';
import { drawPictures, giveToUsers, pictureNamed, SIZES } from './support/pictures.ts';
import { type Service, startService } from './support/service.ts';
import { ratios } from './support/statistics.ts';
import { type Report, type Target, withSpread } from './support/table.ts';

export async function sizes({ quick, workshop, say }: BenchContext): Promise<Report> {
  const rounds = quick ? 3 : 9;
  const pictures = await drawPictures(join(workshop.folder, 'pictures'));
  const picture = pictureNamed(pictures, 'phone');
  const folder = join(workshop.folder, 'originals');
  const users = Array.from({ length: rounds + 1 }, (_, round) => `fresh-${round}`);
  await giveToUsers(
    folder,
    users.map((user) => ({ user, picture })),
  );
  const env = { AVATAR_ORIGINALS: `file:${folder}` };
  const service = await startService(workshop, { env });
  const work = SIZES.map((size) => ({
    file: picture.file,
    size,
    format: 'png' as const,
    isSeparate: true,
  }));
  const loop = startSharpLoop(workshop, work);
  say(`${rounds} rounds of ${SIZES.length} sizes`);

  const together: number[] = [];
  const separate: number[] = [];
  const reads: number[] = [];
  for (const [round, user] of users.entries()) {
    const readsBefore = await readsOf(service);
    const misses = SIZES.map((size): Miss => ({ user, picture, size, format: 'png' }));
    const urls = misses.map((miss) => `${service.url}${avatarPath(miss)}`);
    const done = await askForAll(workshop, urls, { pid: service.pid, atOnce: SIZES.length });
    const alone = await loop.run(2, 0, SIZES.length);
    // The first is not counted: compilers warm up.
    if (round === 0) continue;
    together.push(done.cpuMsEach * SIZES.length);
    separate.push(alone.cpuMsEach * SIZES.length);
    reads.push((await readsOf(service)) - readsBefore);
  }
  const targets: Target[] = [
    { what: 'CPU ÷ 20 separate renders', values: ratios(together, separate), atMost: 0.35 },
    { what: 'reads of the original', values: reads, atMost: 1 },
  ];
  return {
    title: 'Sizes of one upload',
    about:
      `All ${SIZES.length} sizes (24–360 px, PNG) of a 12-megapixel JPEG nobody has asked for before, at once; ` +
      `CPU of all processes of the service, beside sharp alone rendering each from the original; ${rounds} rounds.`,
    tables: [
      {
        head: ['who', 'CPU ms for all sizes'],
        rows: [
          ['avatar-proxy', withSpread(together)],
          ['sharp alone, one by one', withSpread(separate)],
        ],
      },
    ],
    targets,
    notes: [],
    plots: [],
  };
}

async function readsOf(service: Service): Promise<number> {
  return await service.metric('avatar_original_reads_total', 'result="read"');
}

if (import.meta.main) await runAlone(sizes);
