/** What is shown where there is no avatar to show. */
import { colourOf, letterOf } from '../discourse/letter-rules.ts';
import type { AvatarError, FaultCode } from '../errors.ts';
import { LARGEST_DRAWING, type LetterRequest } from '../vocabulary/letter.ts';
import type { AvatarRequest, UnassignableRequest } from '../vocabulary/request.ts';

export type StandInPolicy = {
  /** `404` shows nothing: the failure is the answer. */
  readonly picture: '404' | 'blank' | 'letter';
  /** The failures that it is shown for; all others are answered as they are. */
  readonly codes: ReadonlySet<FaultCode>;
};

/** The neutral grey behind the silhouette of nobody in particular. */
export const NOBODY: Omit<LetterRequest, 'size'> = { letter: '', colour: [190, 195, 200] };

/** The picture to draw for this request after this failure; undefined for none. */
export function standInFor(
  policy: StandInPolicy,
  request: AvatarRequest | UnassignableRequest,
  error: AvatarError,
): LetterRequest | undefined {
  if (!policy.codes.has(error.code)) return undefined;
  const { user } = request;
  const size = Math.min(request.size, LARGEST_DRAWING);
  switch (policy.picture) {
    case '404':
      return undefined;
    case 'blank':
      return { ...NOBODY, size };
    case 'letter':
      return { letter: letterOf(user), colour: colourOf(user), size };
  }
}
