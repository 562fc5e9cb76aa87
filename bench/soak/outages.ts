/** Faults one after the other, how long each takes to heal, and what it explains. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Fragile,
  type Outage,
  OUTAGES,
  runOutages,
} from '../../test/support/fault-schedule.ts';
import type { Trouble } from './client.ts';
import type { Traffic } from './traffic.ts';

export const FAULT_MS = 4000;
/** How long after a fault its failures are still its own. */
export const HEALED_WITHIN_MS = 5000;
/** After it has healed; what fails by then has no excuse left. */
const CALM_MS = 8000;

export type Past = Pick<Outage, 'what' | 'of'> & {
  readonly from: number;
  readonly to: number;
  /** From its end on. */
  readonly healedMs: number;
};

/** All of them, over and over, until the signal aborts. */
export async function breakAndHeal(
  fragile: Fragile,
  traffic: Traffic,
  signal: AbortSignal,
  say: (what: string) => void,
): Promise<Past[]> {
  const past: Past[] = [];
  let from = 0;
  while (!signal.aborted) {
    await runOutages(fragile, OUTAGES, {
      lastsMs: FAULT_MS,
      signal,
      beforeEach: ({ what }) => {
        from = performance.now();
        say(what);
      },
      afterEach: async ({ what, of }) => {
        const to = performance.now();
        const symptoms = await untilHealed(traffic, to + 6 * HEALED_WITHIN_MS);
        const healedMs = performance.now() - to;
        past.push({ what, of, from, to, healedMs });
        if (healedMs > HEALED_WITHIN_MS) {
          for (const symptom of symptoms) say(`${what}, still: ${symptom}`);
        }
        await sleep(CALM_MS, undefined, { signal }).catch(() => undefined);
      },
    });
  }
  return past;
}

/** @returns what was wrong until then */
async function untilHealed(traffic: Traffic, giveUpAt: number): Promise<string[]> {
  const seen: string[] = [];
  for (;;) {
    const symptoms = await traffic.symptoms();
    seen.push(...symptoms);
    if (symptoms.length === 0 || performance.now() > giveUpAt) return seen;
    await sleep(100);
  }
}

/** Failures of what has met no fault that could do this, nor what one leaves behind. */
export function unexplained(troubles: readonly Trouble[], past: readonly Past[]): Trouble[] {
  return troubles.filter((trouble) => !past.some((outage) => explains(outage, trouble)));
}

/** Whether this is an outage's doing. */
export function explains({ of, from, to }: Past, { askedAt, answeredAt, codes }: Trouble): boolean {
  return (
    codes.some((code) => canCause(of, code)) &&
    askedAt <= to + HEALED_WITHIN_MS &&
    answeredAt >= from
  );
}

/** What names neither, such as a deadline that has passed, may be either's. */
function canCause(of: Outage['of'], code: string): boolean {
  if (code.startsWith('directory_')) return of === 'database';
  return of === 's3' || !code.startsWith('originals_');
}
