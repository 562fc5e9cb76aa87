/** Must-show of the fleet in short; `npm run fleet -- --minutes 10` is the long form. */
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { seededRandom } from '../../bench/support/pictures.ts';
import { runFleet } from '../support/fleet-run.ts';
import { nginxIsInstalled } from '../support/nginx.ts';
import { connectS3 } from '../support/s3-server.ts';

describe.runIf(nginxIsInstalled())('a fleet whose instances are killed and started', () => {
  it('fails no client, and renders hardly anything twice', { timeout: 120_000 }, async () => {
    const s3 = await connectS3(inject('s3'));
    onTestFinished(() => s3.stop());
    const report = await runFleet({
      s3,
      seconds: 14,
      requestsPerSecond: 40,
      avatars: 60,
      everySeconds: 2,
      random: seededRandom(7),
      // Late is not lost: how late is for a machine that does nothing else.
      variables: { AVATAR_DEADLINE_MS: '25000' },
    });
    expect(report.failures).toEqual([]);
    expect(report.kills).toBeGreaterThan(1);
    expect(report.starts).toBeGreaterThan(0);
    expect(report.requests).toBe(560);
    expect(report.rendered).toBeGreaterThan(0);
    // Whatever died with an instance left out: how much that is depends on how much a machine has in
    // flight at a time. What one instance has delivered, none renders again.
    expect(report.rendered / report.variants).toBeLessThanOrEqual(1.05);
  });
});
