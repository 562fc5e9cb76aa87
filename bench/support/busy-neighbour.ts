/**
 * The least that hits can suffer on cores that render: bare node:http, which does nothing else, beside sharp
 * alone with the priority of renderers, as many at once as there are cores.
 */
import { availableParallelism } from 'node:os';
import { openLoop, type Reply } from './load.ts';
import { listMisses, startSharpLoop } from './misses.ts';
import { startBare } from './peers.ts';
import type { Picture } from './pictures.ts';
import type { Asked } from './service.ts';
import type { Workshop } from './workshop.ts';

/** That of renderers. */
const NICENESS = 10;
/** As much as takes some seconds: between two pieces it is idle for a moment. */
const AT_A_TIME = 400;

type Options = {
  readonly pictures: readonly Picture[];
  /** What is answered to a hit. */
  readonly sample: Asked;
  readonly rate: number;
  readonly seconds: number;
};

export async function hitsBesideSharp(
  workshop: Workshop,
  { pictures, sample, rate, seconds }: Options,
): Promise<{ idle: Reply[]; busy: Reply[] }> {
  const bare = await startBare(workshop, { sample });
  const hits = (): Promise<Reply[]> =>
    openLoop(workshop, { urls: [bare.url], rate, seconds, repeats: true });
  const work = listMisses(AT_A_TIME, pictures, () => 'png');
  const loop = startSharpLoop(
    workshop,
    work.map(({ picture, size, format }) => ({ file: picture.file, size, format })),
    { niceness: NICENESS },
  );
  const render = async (): Promise<void> =>
    void (await loop.run(availableParallelism(), 0, work.length));
  // Not counted, as the service's first misses are not.
  await render();
  const idle = await hits();
  const over = new AbortController();
  const keepRendering = async (): Promise<void> => {
    while (!over.signal.aborted) await render();
  };
  const rendering = keepRendering();
  const busy = await hits();
  over.abort();
  await rendering;
  await bare.stop();
  return { idle, busy };
}
