/** Of an nginx that is not installed, `nginx.test.ts` tells. `npm run rolling-restart` does more of it. */
import { describe, expect, it } from 'vitest';
import { nginxIsInstalled } from '../support/nginx.ts';
import { rollRestarts } from '../support/rolling-restart.ts';

describe.runIf(nginxIsInstalled())('instances that are restarted one after the other', () => {
  it('leave no request without its answer', { timeout: 120_000 }, async () => {
    const plan = { rounds: 2, rate: 40, renderEvery: 20, drainMs: 1200 };
    const { requests, failures, exitCodes } = await rollRestarts(plan);
    expect(failures).toEqual([]);
    expect(exitCodes).toEqual([0, 0, 0, 0, 0, 0]);
    expect(requests).toBeGreaterThan(100);
  });
});
