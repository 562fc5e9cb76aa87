/** How requests end, for the log and the metrics. */
import type { Source } from '../avatar/answer.ts';
import type { AvatarError, FaultCode } from '../errors.ts';
import type { VariantFormat } from '../vocabulary/formats.ts';

/** Where a picture came from; or what else was answered, OPTIONS being the `other`; or which failure. */
export type OutcomeName =
  | Source
  | 'unchanged'
  | 'stand_in'
  | 'redirect'
  | 'health'
  | 'other'
  | FaultCode;

export type Outcome = {
  readonly name: OutcomeName;
  readonly picture?: Picture;
  readonly format?: VariantFormat;
  readonly error?: AvatarError;
};

/** What a picture shows. */
export type Picture = 'avatar' | 'letter' | 'blank';

/** OPTIONS: all else says what it is. */
export const OTHER: Outcome = { name: 'other' };
/** The client closed the connection. */
export const LEFT: Outcome = { name: 'client_left' };

/** Of ours. A probe that finds an instance draining is not: that is what it asks for. */
export function isTrouble({ name, error }: Outcome): boolean {
  if (name === 'health' && error?.code === 'shutting_down') return false;
  return error !== undefined && error.status >= 500;
}

/** Of a picture that was shown in spite of a failure: which it was. */
export function codeBehind({ name, error }: Outcome): { code?: FaultCode } {
  return error === undefined || error.code === name ? {} : { code: error.code };
}

/** What only the log may know: the exact cause, and how to mend it. */
export function reason(error: AvatarError | undefined): { reason?: string; err?: unknown } {
  if (error === undefined) return {};
  return {
    ...(error.detail !== undefined && { reason: error.detail }),
    ...(error.code === 'internal' && { err: error.cause }),
  };
}
