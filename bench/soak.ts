/**
 * `npm run soak -- --minutes N`: two services at 80 % of what they can do, one of them for a forum with
 * Discourse's database, before an S3 server and a PostgreSQL that break in one way after the other. Every
 * answer is held against what it must be; memory, descriptors and timers are watched. Fails when anything
 * of that is not as it should be.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startS3, type TestS3 } from '../test/support/s3-server.ts';
import { Avatars, FORUM, type Naming, PLAIN, storeOriginals } from './soak/avatars.ts';
import { Catalogue } from './soak/catalogue.ts';
import { Client } from './soak/client.ts';
import { BROKEN, type ForumDatabase, startForumDatabase } from './soak/forum.ts';
import { breakAndHeal, unexplained } from './soak/outages.ts';
import { describe } from './soak/report.ts';
import { type Site, Traffic } from './soak/traffic.ts';
import { startWatched, takeSample, type Watched } from './soak/watch.ts';
import { BENCH_FOLDER } from './support/bench.ts';
import { describeMachine } from './support/machine.ts';
import { drawPictures, seededRandom } from './support/pictures.ts';
import { number, renderReport, type Report, type Target, verdict } from './support/table.ts';
import { whileWatching } from './support/watch.ts';
import { Workshop } from './support/workshop.ts';

const SHARE_OF_CAPACITY = 0.8;
const CAPACITY_SECONDS = 8;
/** The generator checks every byte, beside the services: what it can do is bounded as well. */
const MOST_PER_SECOND = 1500;
const CACHE_MB = 16;
const SAMPLE_EVERY_MS = 2000;
/** So little that in every outage of the database what was known has to be asked for again. */
const FOUND_SECONDS = 5;

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '20' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error('--minutes N');
const report = await soak(minutes);
for (const { file, svg } of report.plots) writeFileSync(join(BENCH_FOLDER, file), svg);
const text = `${describeMachine()}\n\n${renderReport(report)}\n`;
writeFileSync(join(BENCH_FOLDER, 'SOAK.md'), `# A soak\n\n${text}`);
process.stdout.write(text);
process.exit(report.targets.every(isReached) ? 0 : 1);

function isReached(target: Target): boolean {
  return target.values.length === 0 || verdict(target).startsWith('PASS');
}

async function soak(minutes: number): Promise<Report> {
  await using workshop = new Workshop();
  const catalogue = await Catalogue.make(await drawPictures(join(workshop.folder, 'pictures')));
  await using database = await startForumDatabase(catalogue);
  const s3 = await startS3();
  try {
    const services = await startServices(workshop, catalogue, s3, database);
    say(`S3 is ${s3.kind}`);
    return await soakBoth(services, catalogue, { s3: s3.proxy, database: database.proxy }, minutes);
  } finally {
    await s3.stop();
  }
}

type Services = { readonly plain: Watched; readonly forum: Watched };

async function startServices(
  workshop: Workshop,
  catalogue: Catalogue,
  s3: TestS3,
  database: ForumDatabase,
): Promise<Services> {
  const bucket = await s3.createBucket('soak');
  await storeOriginals(catalogue, PLAIN, s3, bucket);
  await storeOriginals(catalogue, FORUM, s3, bucket);
  const noPicture = Buffer.from('<html>Access denied</html>');
  for (const key of ['soak/broken/1', BROKEN.key]) await s3.put(bucket, key, noPicture);
  const env = {
    AVATAR_ORIGINALS: `s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}`,
    AVATAR_MEMORY_MB: String(CACHE_MB),
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    LOG_LEVEL: 'error',
  };
  return {
    plain: await startWatched(workshop, env),
    forum: await startWatched(workshop, {
      ...env,
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: database.url,
      AVATAR_FOUND_SECONDS: String(FOUND_SECONDS),
      // Beside the other one, which has as many as there are cores.
      AVATAR_RENDERS: '1',
    }),
  };
}

async function soakBoth(
  { plain, forum }: Services,
  catalogue: Catalogue,
  fragile: Parameters<typeof breakAndHeal>[0],
  minutes: number,
): Promise<Report> {
  const services = [plain, forum];
  const site = (naming: Naming, { url }: Watched): Site => ({
    url,
    avatars: new Avatars(catalogue, naming, url),
  });
  const sites = { plain: site(PLAIN, plain), forum: site(FORUM, forum) };
  using client = new Client();
  const traffic = new Traffic(sites, catalogue, client, seededRandom(1));
  await traffic.saturate(8, CAPACITY_SECONDS / 2);
  const capacity = await traffic.saturate(16, CAPACITY_SECONDS);
  const rate = Math.min(MOST_PER_SECOND, capacity * SHARE_OF_CAPACITY);
  say(`capacity ${number(capacity)} a second, so ${number(rate)} for ${minutes} min`);

  const startedAt = performance.now();
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), minutes * 60_000);
  const { seen: samples, result } = await whileWatching(
    () => takeSample(services, startedAt),
    SAMPLE_EVERY_MS,
    () =>
      Promise.all([
        breakAndHeal(fragile, traffic, over.signal, say),
        traffic.flow(rate, over.signal),
      ]),
  );
  clearTimeout(timer);
  const [past] = result;
  const ended = services.filter(({ child }) => child.exitCode !== null).length;
  await Promise.all(services.map((service) => service.stop()));
  for (const each of [...traffic.wrong, ...traffic.unanswered].slice(0, 20)) say(each);
  for (const { url, status, codes } of unexplained(traffic.client.troubles, past).slice(0, 20)) {
    say(`without a fault: ${url} ${status} ${codes.join()}`);
  }
  const whyThatRate = `80 % of ${number(capacity)}, measured before, at most ${MOST_PER_SECOND}`;
  const cacheMegabytes = (services.length * CACHE_MB * 1024 * 1024) / 1e6;
  return describe({ traffic, samples, past, ended, rate, whyThatRate, cacheMegabytes });
}

function say(progress: string): void {
  process.stderr.write(`  ${progress}\n`);
}
