/**
 * Three instances behind NGINX, killed with SIGKILL and started every five seconds under load:
 * `npm run fleet -- --minutes 10`. Ends with 1 when a client noticed, or variants were rendered twice.
 */
import { parseArgs } from 'node:util';
import { seededRandom } from '../bench/support/pictures.ts';
import { runFleet } from '../test/support/fleet-run.ts';
import { startS3 } from '../test/support/s3-server.ts';

const MOST_RENDERS_PER_VARIANT = 1.05;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '60' },
    avatars: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
  },
});
const beganAt = performance.now();
const say = (what: string): void => {
  const seconds = Math.round((performance.now() - beganAt) / 1000);
  process.stderr.write(`${String(seconds).padStart(4)} s  ${what}\n`);
};

const s3 = await startS3();
try {
  const report = await runFleet({
    s3,
    seconds: Number(values.minutes) * 60,
    requestsPerSecond: Number(values.rate),
    avatars: Number(values.avatars),
    everySeconds: 5,
    random: seededRandom(Number(values.seed)),
    say,
  });
  const { cutShort, failures, rendersPerVariant, statuses, troubles } = report;
  for (const failure of failures.slice(0, 20)) say(`failed: ${failure}`);
  for (const trouble of troubles.slice(0, 20)) say(`logged: ${trouble.slice(0, 300)}`);
  process.stdout.write(
    [
      `S3 server                         ${s3.kind}`,
      `requests through NGINX            ${report.requests}`,
      `failed, or with wrong bytes       ${failures.length}`,
      `longest wait of a client          ${Math.round(report.longestMs)} ms`,
      `instances killed / started        ${report.kills} / ${report.starts}`,
      `variants asked for                ${report.variants}`,
      `renders seen                      ${report.rendered}`,
      `attempts that died / were renders ${cutShort.attempts} / ${cutShort.renders}`,
      `renders per variant               ${rendersPerVariant.toFixed(3)}`,
      `instances that answered a variant ${report.instancesPerVariant.toFixed(2)} on average`,
      `objects read from S3              ${report.objectReads}`,
      ...[...statuses]
        .toSorted(([, one], [, other]) => other - one)
        .map(([status, times]) => `  ${String(times).padStart(7)}  ${status}`),
      '',
    ].join('\n'),
  );
  const isFine = failures.length === 0 && rendersPerVariant <= MOST_RENDERS_PER_VARIANT;
  process.exitCode = isFine ? 0 : 1;
} finally {
  await s3.stop();
}
