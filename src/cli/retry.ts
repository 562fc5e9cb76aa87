import { setTimeout as sleep } from 'node:timers/promises';
import { AvatarError, type FaultCode } from '../errors.ts';
import type { Step, Walk } from '../locator/walk.ts';

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

/** The steps of a walk, begun again after the last of them when the database or a listing breaks off. */
export async function* stepsWithRetries(
  walk: Walk,
  from: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  let mark = from;
  let steps: AsyncIterator<Step> | undefined;
  const next = async (): Promise<IteratorResult<Step, unknown>> => {
    steps ??= walk.steps(mark, signal)[Symbol.asyncIterator]();
    try {
      return await steps.next();
    } catch (error) {
      // It has ended with that.
      steps = undefined;
      throw error;
    }
  };
  try {
    for (;;) {
      const { done, value } = await withRetries(signal, next);
      if (done === true) return;
      mark = value.mark;
      yield value;
    }
  } finally {
    await steps?.return?.();
  }
}
