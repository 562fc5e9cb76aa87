/**
 * Whether an operator would see anything: the service under load for two minutes with variants in a real S3
 * server, a real Prometheus that scrapes it, and every query of the dashboard.
 * `npm run observe-check [SECONDS]`
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { dashboardQueries, emptyPanels } from '../test/support/dashboard.ts';
import { keepAsking } from '../test/support/load.ts';
import { freePort } from '../test/support/ports.ts';
import { hasPrometheus, startPrometheus } from '../test/support/prometheus.ts';
import { startS3 } from '../test/support/s3-server.ts';
import { startService } from '../test/support/service.ts';

const seconds = Number(process.argv[2] ?? 120);
if (!hasPrometheus) throw new Error('prometheus is not installed');

const s3 = await startS3();
const bucket = await s3.createBucket('variants');
const adminPort = await freePort();
const service = await startService({
  ADMIN_PORT: String(adminPort),
  AVATAR_MISSING: 'letter',
  AVATAR_VARIANTS: `s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}`,
  AWS_ACCESS_KEY_ID: s3.accessKeyId,
  AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
});
await service.ready();
const prometheus = await startPrometheus({
  targets: { 'avatar-proxy': [`127.0.0.1:${adminPort}`] },
  everySeconds: 5,
});
const load = keepAsking(service.url, 40);
await sleep(seconds * 1000);
await load.stop();
const empty = await emptyPanels(prometheus, '1m');
await prometheus.stop();
service.child.kill('SIGTERM');
await service.exited;
await s3.stop();

const total = dashboardQueries().length;
process.stdout.write(
  `${total - empty.length} of ${total} queries return data after ${seconds} s\n`,
);
for (const query of empty) process.stdout.write(`  nothing: ${query}\n`);
process.exitCode = empty.length === 0 ? 0 : 1;
