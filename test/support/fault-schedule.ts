/** Faults that come and go, before S3 and before PostgreSQL, while something else runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, FaultProxy } from './fault-proxy.ts';
import type { TcpFault, TcpProxy } from './tcp-proxy.ts';

/** Where faults are put: a proxy before each of them. */
export type Fragile = {
  readonly s3: Pick<FaultProxy, 'inject' | 'heal'>;
  readonly database?: Pick<TcpProxy, 'inject' | 'heal'> | undefined;
};

export type Outage =
  | { readonly what: string; readonly of: 's3'; readonly fault: Fault }
  | { readonly what: string; readonly of: 'database'; readonly fault: TcpFault };

export const OUTAGES: readonly Outage[] = [
  { what: 'the database is slow', of: 'database', fault: { kind: 'slow', delayMs: 200 } },
  { what: 'the database hangs', of: 'database', fault: { kind: 'hang' } },
  { what: 'the database is cut off', of: 'database', fault: { kind: 'cut' } },
  { what: 'the database refuses connections', of: 'database', fault: { kind: 'refuse' } },
  { what: 'the database resets connections', of: 'database', fault: { kind: 'reset' } },
  { what: 'S3 is slow', of: 's3', fault: { kind: 'late', delayMs: 300 } },
  { what: 'S3 trickles', of: 's3', fault: { kind: 'trickle', pieces: 20, pauseMs: 50 } },
  { what: 'S3 cuts bodies', of: 's3', fault: { kind: 'cut' } },
  {
    what: 'S3 promises more than it sends',
    of: 's3',
    fault: { kind: 'overpromise', extra: 7 },
  },
  { what: 'S3 resets connections', of: 's3', fault: { kind: 'reset' } },
  { what: 'S3 is silent', of: 's3', fault: { kind: 'silence' } },
  { what: 'S3 stalls', of: 's3', fault: { kind: 'stall' } },
  { what: 'S3 damages bodies', of: 's3', fault: { kind: 'corrupt' } },
  { what: 'S3 fails', of: 's3', fault: { kind: 'reply', status: 500 } },
  {
    what: 'S3 asks for less',
    of: 's3',
    fault: { kind: 'reply', status: 503, body: '<Error><Code>SlowDown</Code></Error>' },
  },
  {
    what: 'S3 redirects',
    of: 's3',
    fault: { kind: 'reply', status: 307, headers: { location: 'http://127.0.0.1:1/' } },
  },
  {
    what: 'S3 answers with garbage',
    of: 's3',
    fault: { kind: 'reply', status: 400, body: '<Error><Code>\u0000<' },
  },
];

type OutageTimes = {
  readonly lastsMs: number;
  /** Called when a fault has ended; the next one begins when what it returns has resolved. */
  readonly afterEach: (outage: Outage) => Promise<void>;
  readonly beforeEach?: (outage: Outage) => void;
  /** Ends the run after the outage it is at. */
  readonly signal?: AbortSignal;
};

/** One after the other, once; those of a database there is none of are left out. */
export async function runOutages(
  fragile: Fragile,
  outages: readonly Outage[],
  { lastsMs, beforeEach, afterEach, signal }: OutageTimes,
): Promise<void> {
  for (const outage of outages) {
    if (signal?.aborted === true) return;
    if (outage.of === 'database' && fragile.database === undefined) continue;
    beforeEach?.(outage);
    begin(fragile, outage);
    try {
      await sleep(lastsMs);
    } finally {
      fragile[outage.of]?.heal();
    }
    await afterEach(outage);
  }
}

function begin({ s3, database }: Fragile, outage: Outage): void {
  if (outage.of === 's3') s3.inject(outage.fault);
  else database?.inject(outage.fault);
}
