/** What becomes of work on one avatar, when others follow whatever happens. */
import { AvatarError, type FaultCode } from '../errors.ts';
import { patiently } from './patience.ts';

export type Attempt<Done> =
  | { readonly kind: 'done'; readonly done: Done }
  /** The avatar is to blame. */
  | { readonly kind: 'broken'; readonly error: AvatarError }
  /** Not for want of trying: who was to answer did not. */
  | { readonly kind: 'unanswered'; readonly error: AvatarError };

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
    const done = await patiently(signal, work);
    return done === undefined ? undefined : { kind: 'done', done };
  } catch (thrown) {
    signal.throwIfAborted();
    const error = AvatarError.from(thrown);
    const isItsOwn = error.isVerdict || TOO_SLOW.has(error.code);
    return { kind: isItsOwn ? 'broken' : 'unanswered', error };
  }
}

/** What exactly, for who can mend it. */
export function detailOf({ detail, cause, message }: AvatarError): string {
  return detail ?? (cause instanceof Error ? cause.message : message);
}
