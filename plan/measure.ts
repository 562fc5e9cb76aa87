/** CPU time of the real service, on this machine, for each kind of reply a plan counts. */
import { Agent, get } from 'node:http';
import { cpus } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { treeCpuSeconds } from '../bench/support/cpu.ts';
import { drawPictures, type Picture } from '../bench/support/pictures.ts';
import { type Service, startService } from '../bench/support/service.ts';
import { Workshop } from '../bench/support/workshop.ts';
import type { TestS3 } from '../test/support/s3-server.ts';
import type { ServiceTimes } from './times.ts';

/** What forums get: photographs, some drawings, some of other formats. */
const MIX: readonly Picture['name'][] = ['avatar', 'avatar', 'avatar', 'alpha', 'webp'];
const RENDERS_A_SIZE = 50;
const HITS = 6000;
const CONCURRENCY = 4;

export function machine(): string {
  return `${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.versions.node}`;
}

export async function mixedPictures(folder: string): Promise<Buffer[]> {
  const drawn = await drawPictures(folder);
  return MIX.flatMap((name) => drawn.find((picture) => picture.name === name)?.bytes ?? []);
}

export async function measure(
  s3: TestS3,
  sizes: readonly number[],
  format: string,
  date: string,
): Promise<ServiceTimes> {
  await using workshop = new Workshop();
  const pictures = await mixedPictures(workshop.folder);
  const buckets = [await s3.createBucket('originals'), await s3.createBucket('variants')];
  // Others for each size, so that no original is at hand from the size before; the first to warm up.
  const users = sizes.length * RENDERS_A_SIZE + RENDERS_A_SIZE;
  for (let user = 0; user < users; user += 1) {
    const picture = pictures[user % pictures.length];
    if (picture !== undefined) await s3.put(buckets[0] ?? '', `h/u${user}/1`, picture);
  }
  const env = {
    ...s3Variables(s3, buckets[0] ?? '', buckets[1] ?? ''),
    LOG_LEVEL: 'info',
    AVATAR_MEMORY_MB: '256',
  };
  const pathsOf = (place: number, size: number): string[] =>
    Array.from(
      { length: RENDERS_A_SIZE },
      (_, index) => `/user_avatar/h/u${place * RENDERS_A_SIZE + index}/${size}/1.${format}`,
    );

  const first = await startService(workshop, { env });
  await ask(first, pathsOf(0, sizes[0] ?? 48));
  const renderMs: { size: number; ms: number }[] = [];
  const variantBytes: { size: number; bytes: number }[] = [];
  for (const [index, size] of sizes.entries()) {
    const paths = pathsOf(index + 1, size);
    let bytes = 0;
    const ms = await cpuMs(first, async () => {
      bytes = await ask(first, paths);
    });
    renderMs.push({ size, ms: ms / paths.length });
    variantBytes.push({ size, bytes: Math.round(bytes / paths.length) });
  }
  const all = sizes.flatMap((size, index) => pathsOf(index + 1, size));
  const hits = Array.from({ length: HITS }, (_, index) => all[index % all.length] ?? '');
  await ask(first, all);
  const memoryHitMs = (await cpuMs(first, () => ask(first, hits))) / HITS;

  const second = await startService(workshop, { env });
  await ask(second, pathsOf(0, sizes[0] ?? 48));
  const sharedHitMs = (await cpuMs(second, () => ask(second, all))) / all.length;
  const originalBytes = pictures.reduce((sum, { length }) => sum + length, 0) / pictures.length;
  return {
    machine: machine(),
    date,
    format,
    memoryHitMs,
    sharedHitMs,
    renderMs,
    originalBytes: Math.round(originalBytes),
    variantBytes,
  };
}

export function s3Variables(
  s3: TestS3,
  originals: string,
  variants: string,
): Record<string, string> {
  return {
    AVATAR_ORIGINALS: `s3://${originals}?endpoint=${s3.endpoint}&region=us-east-1`,
    AVATAR_VARIANTS: `s3://${variants}?endpoint=${s3.endpoint}&region=us-east-1`,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
}

async function cpuMs(service: Service, work: () => Promise<unknown>): Promise<number> {
  const before = treeCpuSeconds(service.pid);
  await work();
  // What is written after replies belongs to them.
  await sleep(500);
  return (treeCpuSeconds(service.pid) - before) * 1000;
}

/**
 * @returns the bytes of all replies
 * @throws Error when one is not 200
 */
async function ask(service: Service, paths: readonly string[]): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  const waiting = paths.values();
  let bytes = 0;
  const askInTurn = async (): Promise<void> => {
    for (const path of waiting) {
      const got = await fetchBytes(service.url + path, agent);
      bytes += got;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, askInTurn));
  agent.destroy();
  return bytes;
}

async function fetchBytes(url: string, agent: Agent): Promise<number> {
  return await new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      buffer(response).then((body) => {
        if (response.statusCode === 200) resolve(body.length);
        else reject(new Error(`${url} was answered ${response.statusCode}`));
      }, reject);
    }).on('error', reject);
  });
}
