/** What `doctor` says of one thing it has looked at. */
import type { AvatarError } from '../../errors.ts';
import { detailOf } from '../attempt.ts';

export type Finding = {
  /** What was looked at: `s3://bucket region`. */
  readonly check: string;
  /** A hint is worth knowing, a warning worth mending. */
  readonly state: 'ok' | 'hint' | 'warning' | 'broken';
  readonly says: string;
  /** One line: how to mend it, or make it better. */
  readonly mend?: string;
};

export function ok(check: string, says: string): Finding {
  return { check, state: 'ok', says };
}

export function hint(check: string, says: string, mend: string): Finding {
  return { check, state: 'hint', says, mend };
}

export function warning(check: string, says: string, mend: string): Finding {
  return { check, state: 'warning', says, mend };
}

export function broken(check: string, says: string, mend: string): Finding {
  return { check, state: 'broken', says, mend };
}

/** What a store could not be asked for: a warning where it would work, with fewer requests. */
export function failed(check: string, says: string, error: AvatarError): Finding {
  const detail = detailOf(error);
  return error.code === 'originals_throttled'
    ? warning(check, `${says}: ${detail}`, WHEN_THROTTLED)
    : broken(check, says, detail);
}

const WHEN_THROTTLED =
  'try again when less is asked of it; where it stays, lower AVATAR_FETCHES, or have its limit raised';
