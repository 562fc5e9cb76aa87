/** Who makes variants when quality is measured: the service, sharp alone, ipx, nginx and ImageMagick. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { NODE_FLAGS, rendererEnvironment } from '../../src/render/surroundings.ts';
import { endedChildrenCpuSeconds, treeCpuSeconds } from './cpu.ts';
import type { ImageMagick } from './magick.ts';
import { nginxModule, type Peer, startIpx, startNginx } from './peers.ts';
import type { CorpusPicture } from './quality-corpus.ts';
import type { QualityJob } from './quality-loop.ts';
import { ask } from './service.ts';
import type { Workshop } from './workshop.ts';

export const OURS = 'avatar-proxy, ';
export const PNG = `${OURS}PNG`;
export const JPEG = `${OURS}JPEG`;
export const WEBP = `${OURS}WebP`;
export const AVIF = `${OURS}AVIF`;
export const PLAIN = "sharp's plain PNG";
export const MAGICK = 'ImageMagick as Discourse, format kept';
export const MAGICK_PNG = 'ImageMagick as Discourse, PNG';

type Made = {
  readonly bytes: Buffer;
  /** Of each round. */
  readonly cpuMs: readonly number[];
};

/** Makes one variant; undefined when it cannot. */
type Contestant = (picture: CorpusPicture, size: number) => Promise<Made | undefined>;

/** @param sample a picture's name, of a format that all of them read */
export async function startContestants(
  workshop: Workshop,
  magick: ImageMagick,
  folder: string,
  sample: string,
): Promise<ReadonlyMap<string, Contestant>> {
  const qualities = new Map<string, number | undefined>();
  const withMagick =
    (isKept: boolean): Contestant =>
    async ({ name, file }, size) => {
      if (!qualities.has(file)) qualities.set(file, await magick.qualityFor(file));
      const to = join(workshop.folder, `magick.${isKept ? name.split('.').at(-1) : 'png'}`);
      const before = endedChildrenCpuSeconds();
      await magick.likeDiscourse({ from: file, to, size }, qualities.get(file));
      const cpuMs = (endedChildrenCpuSeconds() - before) * 1000;
      return { bytes: readFileSync(to), cpuMs: [cpuMs] };
    };
  const ipx = await startIpx(workshop, folder, undefined, sample);
  const imageFilter = await startImageFilter(workshop, folder);
  const contestants = new Map<string, Contestant | undefined>([
    [PNG, startOurs(workshop, 'png')],
    [JPEG, startOurs(workshop, 'jpg')],
    [WEBP, startOurs(workshop, 'webp')],
    [AVIF, startOurs(workshop, 'avif')],
    [PLAIN, startOurs(workshop, 'plain')],
    ['ipx, png', overHttp(ipx, (name, size) => `/s_${size}x${size},f_png/${name}`)],
    ['ipx, webp', overHttp(ipx, (name, size) => `/s_${size}x${size},f_webp/${name}`)],
    ['ipx, avif', overHttp(ipx, (name, size) => `/s_${size}x${size},f_avif/${name}`)],
    [
      'nginx image_filter, format kept',
      overHttp(imageFilter, (name, size) => `/crop/${size}/${name}`),
    ],
    [MAGICK, withMagick(true)],
    [MAGICK_PNG, withMagick(false)],
  ]);
  return new Map(
    [...contestants].flatMap(([name, contestant]) =>
      contestant === undefined ? [] : [[name, contestant] as const],
    ),
  );
}

function startOurs(workshop: Workshop, format: QualityJob['format']): Contestant {
  const file = join(import.meta.dirname, 'quality-loop.ts');
  const loop = workshop.start(process.execPath, [...NODE_FLAGS, file], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: rendererEnvironment(),
  });
  const { stdin, stdout } = loop.child;
  if (stdin === null || stdout === null) throw new Error('the loop has no pipes');
  const lines = createInterface({ input: stdout });
  return async ({ file }, size) => {
    const to = join(workshop.folder, `ours.${format}`);
    const job: QualityJob = { from: file, to, size, format };
    const answer = once(lines, 'line');
    stdin.write(`${JSON.stringify(job)}\n`);
    const cpuMs: readonly number[] = JSON.parse(String((await answer)[0]));
    return { bytes: readFileSync(to), cpuMs };
  };
}

function overHttp(
  peer: Peer | undefined,
  path: (name: string, size: number) => string,
): Contestant | undefined {
  if (peer === undefined) return undefined;
  return async ({ name }, size) => {
    const before = treeCpuSeconds(peer.pid);
    const { status, body } = await ask(`${peer.url}${path(name, size)}`);
    const cpuMs = (treeCpuSeconds(peer.pid) - before) * 1000;
    return status === 200 ? { bytes: body, cpuMs: [cpuMs] } : undefined;
  };
}

async function startImageFilter(workshop: Workshop, folder: string): Promise<Peer | undefined> {
  const module = nginxModule('ngx_http_image_filter_module.so', existsSync);
  if (module === undefined) return undefined;
  return await startNginx(workshop, {
    workers: 1,
    modules: [module],
    server: `location ~ ^/crop/(?<size>[0-9]+)/(?<name>.+)$ {
      alias ${folder}/$name;
      image_filter crop $size $size;
      image_filter_buffer 50M;
      image_filter_jpeg_quality 82;
    }`,
  });
}
