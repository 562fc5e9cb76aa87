/**
 * Every way a request can fail, in one family. Thrown anywhere below `http/`, answered in one place
 * there: `status` and `publicMessage` are public, `detail` and `cause` go to the log and never to a client.
 */

type Fault = {
  readonly status: 400 | 404 | 405 | 408 | 422 | 431 | 499 | 500 | 502 | 503 | 504;
  /** Public: says what happened without naming a key, a bucket, a path or a version. */
  readonly message: string;
};

/** The stable codes clients may match on (RFC 9457 `code` member of the problem document). */
export const FAULTS = {
  not_found: { status: 404, message: 'There is nothing at this address' },
  path_invalid: { status: 404, message: 'This is not the address of an avatar' },
  host_not_served: { status: 404, message: 'Avatars of this site are not served here' },
  size_not_served: { status: 404, message: 'This size is not served' },
  avatar_missing: { status: 404, message: 'There is no such avatar' },

  method_not_allowed: { status: 405, message: 'Avatars can only be read' },

  original_not_an_image: { status: 422, message: 'The original is not an image' },
  original_unsupported: { status: 422, message: 'The original is of an image format not served' },
  original_too_large: { status: 422, message: 'The original has too many bytes' },
  original_too_many_pixels: { status: 422, message: 'The original has too many pixels' },
  original_hostile: { status: 422, message: 'The original is built to exhaust its reader' },
  original_corrupt: { status: 422, message: 'The original is damaged' },
  original_quarantined: { status: 422, message: 'The original could not be rendered safely' },

  /** Of the parser, for there is no request yet; and of one without a Host that can be one. */
  request_malformed: { status: 400, message: 'This is not a request of HTTP' },
  request_timeout: { status: 408, message: 'The request took too long to arrive' },
  headers_too_large: { status: 431, message: 'The headers of the request are too large' },
  /** For the log alone, with the status NGINX has for it: there is nobody to answer. */
  client_left: { status: 499, message: 'The client closed the connection' },

  originals_bucket_missing: { status: 502, message: 'The store of originals is misconfigured' },
  originals_access_denied: { status: 502, message: 'The store of originals is misconfigured' },
  originals_credentials: { status: 502, message: 'The store of originals is misconfigured' },
  originals_wrong_region: { status: 502, message: 'The store of originals is misconfigured' },
  originals_bad_reply: { status: 502, message: 'The store of originals gave an unusable reply' },

  originals_throttled: { status: 503, message: 'The store of originals is busy' },
  originals_unavailable: { status: 503, message: 'The store of originals is not available' },
  directory_unavailable: { status: 503, message: 'The directory of users is not available' },
  overloaded: { status: 503, message: 'Too much to do at the moment' },
  stuck: { status: 503, message: 'This instance has to be restarted' },
  shutting_down: { status: 503, message: 'This instance is shutting down' },

  originals_timeout: { status: 504, message: 'The store of originals took too long' },
  render_timeout: { status: 504, message: 'Rendering took too long' },
  /** For other parts alone: visitors are shown a still. */
  animation_too_slow: { status: 504, message: 'Rendering all frames took too long' },
  deadline_passed: { status: 504, message: 'The answer took too long' },

  internal: { status: 500, message: 'Something went wrong here' },
} as const satisfies Record<string, Fault>;

export type FaultCode = keyof typeof FAULTS;

export const FAULT_CODES: readonly FaultCode[] = Object.keys(FAULTS).filter(isFaultCode);

type AvatarErrorOptions = {
  /** For the log: what exactly happened, and how an operator mends it. */
  readonly detail?: string;
  readonly cause?: unknown;
  /** For 503: when a retry is worth it. */
  readonly retryAfterSeconds?: number;
};

/** Without a stack: `code` and `detail` say more, and under a flood it is a tenth of what a refusal costs. */
export class AvatarError extends Error {
  override readonly name = 'AvatarError';
  readonly code: FaultCode;
  readonly status: Fault['status'];
  readonly publicMessage: string;
  readonly detail: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: FaultCode, options: AvatarErrorOptions = {}) {
    const { status, message } = FAULTS[code];
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(
      options.detail ?? message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.status = status;
    this.publicMessage = message;
    this.detail = options.detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  /** True when the request or the original is at fault: asking again cannot help for a while. */
  get isVerdict(): boolean {
    return isVerdictStatus(this.status);
  }

  /** True when the caller's own deadline or turn caused this; another caller may still succeed. */
  get isPersonal(): boolean {
    return this.status === 504 || this.code === 'overloaded';
  }

  /** Turns anything thrown into one of the family; the unforeseen becomes `internal`. */
  static from(error: unknown): AvatarError {
    return error instanceof AvatarError ? error : new AvatarError('internal', { cause: error });
  }
}

function isFaultCode(name: string): name is FaultCode {
  return Object.hasOwn(FAULTS, name);
}

/** Of statuses as of errors: what `isVerdict` is for. */
export function isVerdictStatus(status: number): boolean {
  return status === 404 || status === 422;
}

/** What the system calls a failure: ENOENT, EACCES, …; undefined where it has no such name. */
export function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
