/** What becomes of work on one avatar, when others follow whatever happens. */
import { AvatarError, type FaultCode } from '../errors.ts';
import { CommonTrouble, withRetries } from './retry.ts';

export type Attempt<Done> =
  | { readonly kind: 'done'; readonly done: Done }
  /** The avatar is to blame. */
  | { readonly kind: 'broken'; readonly error: AvatarError }
  /** Not for want of trying: who was to answer did not. */
  | {
      readonly kind: 'unanswered';
      readonly error: AvatarError;
      readonly trouble: Trouble;
    };

/**
 * Whose trouble it is: that of an object may be of many in a row, each its own (archived, damaged, somebody
 * else's); what cannot be told is an avatar's own when those after it are answered; what is common never is.
 */
type Trouble = 'of an object' | 'not told' | 'common';

/** Of what all avatars need, and met by whoever happens to ask: a server asks only some for less. */
const COMMON = new Set<FaultCode>([
  'originals_throttled',
  'originals_credentials',
  'originals_bucket_missing',
  'originals_wrong_region',
  'directory_unavailable',
  'overloaded',
]);
const OF_AN_OBJECT = new Set<FaultCode>(['originals_access_denied', 'originals_bad_reply']);
const TOO_SLOW = new Set<FaultCode>(['render_timeout', 'animation_too_slow']);

/**
 * @returns undefined when the work was none, and gave nothing
 * @throws the signal's reason
 */
export async function attempt<Done>(
  signal: AbortSignal,
  work: () => Promise<Done | undefined>,
): Promise<Attempt<Done> | undefined> {
  try {
    const done = await withRetries(signal, work);
    return done === undefined ? undefined : { kind: 'done', done };
  } catch (thrown) {
    signal.throwIfAborted();
    const error = AvatarError.from(thrown);
    if (isOfTheAvatar(error)) return { kind: 'broken', error };
    return { kind: 'unanswered', error, trouble: troubleIn(error) };
  }
}

function troubleIn(error: AvatarError): Trouble {
  if (error instanceof CommonTrouble || COMMON.has(error.code)) return 'common';
  return OF_AN_OBJECT.has(error.code) ? 'of an object' : 'not told';
}

/** Whether the avatar is to blame, and nothing that others need as well. */
export function isOfTheAvatar({ isVerdict, code }: AvatarError): boolean {
  return isVerdict || TOO_SLOW.has(code);
}

/** What exactly, for who can mend it. */
export function detailOf({ detail, cause, message }: AvatarError): string {
  return detail ?? (cause instanceof Error ? cause.message : message);
}
