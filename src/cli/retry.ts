import { setTimeout as sleep } from 'node:timers/promises';
import { AvatarError, type FaultCode } from '../errors.ts';

/** Failures that pass: of the moment, not of the avatar. */
const PASSING: ReadonlySet<FaultCode> = new Set<FaultCode>([
  'originals_throttled',
  'originals_unavailable',
  'originals_timeout',
  'originals_bad_reply',
  'directory_unavailable',
  'overloaded',
]);

const PAUSES_MS = [250, 1000, 4000];

/** A store-wide failure, already retried: no single avatar is to blame. */
export class CommonTrouble extends AvatarError {
  constructor(thrown: unknown) {
    const { code, detail, cause } = AvatarError.from(thrown);
    super(code, { ...(detail !== undefined && { detail }), cause });
  }
}

/** Tries again, after pauses, what fails for a reason that may have passed by then. */
export async function withRetries<Result>(
  signal: AbortSignal,
  work: () => Promise<Result>,
  pausesMs: readonly number[] = PAUSES_MS,
): Promise<Result> {
  for (const pause of pausesMs) {
    try {
      return await work();
    } catch (error) {
      const isPassing = PASSING.has(AvatarError.from(error).code);
      if (!isPassing || error instanceof CommonTrouble) throw error;
      await sleep(pause, undefined, { signal });
    }
  }
  return await work();
}
