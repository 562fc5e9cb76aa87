import { AvatarError } from '../errors.ts';
import { Deadline } from '../flow/deadline.ts';
import type { Turn } from '../flow/fair-queue.ts';
import type { AvatarRequest } from '../vocabulary/request.ts';
import type { Found, Locator, Original, Originals, Renderer } from './ports.ts';
import type { Stages } from './stages.ts';

type FindingParts = {
  readonly locator: Locator;
  readonly originals: Originals;
  readonly renderer: Pick<Renderer, 'reserve'>;
};

/** A picture that was made from the original with this entity tag. */
type MadeFrom = { readonly originalTag: string };

type FindingOptions<Copy extends MadeFrom> = {
  /** A picture there is already, if there is one: the original is read only when it is another. */
  readonly copy: Copy | undefined;
  /** The turn in which a read waits, and a render would. */
  readonly turn: Turn;
  readonly dueAt: number;
  readonly stages: Stages;
  readonly signal: AbortSignal;
  /** How long any one store is waited for; default: as is configured. */
  readonly patienceMs?: number;
};

/** How long it may take to verify a copy that could be shown at once. */
const VERIFIED_WITHIN_MS = 4000;
/** The part of it that one store may take: many times what S3 needs, and leaves another one its turn. */
const STORE_SHARE = 1 / 2;

export type FoundOriginal<Copy> =
  | { readonly kind: 'read'; readonly original: Original }
  /** The copy was made from the original as it is now. */
  | { readonly kind: 'unchanged'; readonly copy: Copy }
  | { readonly kind: 'moved'; readonly id: string }
  /** The locator knows of none. */
  | { readonly kind: 'missing' };

/**
 * Finds the original of an avatar, and reads it unless it is the one that the copy was made from.
 * @throws AvatarError `avatar_missing`, when it is not where the locator says; what the parts throw
 */
export async function findOriginal<Copy extends MadeFrom>(
  parts: FindingParts,
  request: AvatarRequest,
  options: FindingOptions<Copy>,
): Promise<FoundOriginal<Copy>> {
  const { copy, stages, signal } = options;
  stages.begin('locate');
  const whereabouts = await parts.locator.locate(request, signal);
  if (whereabouts.kind !== 'at') return whereabouts;

  stages.begin('read');
  const original = await read(parts, whereabouts.keys, options);
  if (original === undefined) {
    const detail = `no store has ${whereabouts.keys.join(' or ')}`;
    throw new AvatarError('avatar_missing', { detail });
  }
  if (original === 'unchanged') {
    if (copy !== undefined) return { kind: 'unchanged', copy };
    throw new AvatarError('internal', { detail: 'unchanged, though there is no copy' });
  }
  // A conditional read that met a whole one under way has got it all.
  if (original.etag === copy?.originalTag) {
    original.release?.();
    original.done?.();
    return { kind: 'unchanged', copy };
  }
  const lastModified = whereabouts.lastModified ?? original.lastModified;
  return { kind: 'read', original: { ...original, lastModified } };
}

/**
 * As `findOriginal`, for a copy that could be shown at once: a store or a database that hangs is not
 * waited for to the end.
 * @param deadlineMs of the whole miss
 */
export async function verifyCopy<Copy extends MadeFrom>(
  parts: FindingParts,
  request: AvatarRequest,
  options: FindingOptions<Copy>,
  deadlineMs: number,
): Promise<FoundOriginal<Copy>> {
  const withinMs = Math.min(VERIFIED_WITHIN_MS, deadlineMs / 2);
  const detail = `not verified within ${withinMs} ms: the database, the stores or the wait for one of AVATAR_FETCHES took too long`;
  using verifying = new Deadline(withinMs, options.signal, detail);
  const patienceMs = withinMs * STORE_SHARE;
  return await findOriginal(parts, request, { ...options, patienceMs, signal: verifying.signal });
}

async function read(
  { originals, renderer }: FindingParts,
  keys: readonly string[],
  { copy, turn, dueAt, signal, patienceMs }: FindingOptions<MadeFrom>,
): Promise<Found> {
  // With a copy there may be nothing to render: no place in the queue for that is kept.
  using _place = copy === undefined ? renderer.reserve(turn, dueAt) : undefined;
  return await originals.read(keys, { turn, signal, ifNoneMatch: copy?.originalTag, patienceMs });
}
