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

type FindingOptions = {
  /** The entity tag of the original that a copy was made from, if there is a copy. */
  readonly knownTag: string | undefined;
  /** In whose turn a read waits, and a render would. */
  readonly turn: Turn;
  readonly dueAt: number;
  readonly stages: Stages;
  readonly signal: AbortSignal;
  /** How long any one store is waited for; default: as is configured. */
  readonly patienceMs?: number;
};

/** How long a shared variant may take to be verified. */
const VERIFIED_WITHIN_MS = 4000;
/** What one store may take of that: many times what S3 needs, and another one still gets its turn. */
const STORE_SHARE = 1 / 2;

export type FoundOriginal =
  | { readonly kind: 'read'; readonly original: Original }
  /** The copy still holds. */
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'moved'; readonly id: string }
  /** By the locator, that is. */
  | { readonly kind: 'missing' };

/**
 * The original of an avatar, or that there is no need for it.
 * @throws AvatarError `avatar_missing`, when it is not where the locator says; what the parts throw
 */
export async function findOriginal(
  parts: FindingParts,
  request: AvatarRequest,
  options: FindingOptions,
): Promise<FoundOriginal> {
  const { knownTag, stages, signal } = options;
  stages.begin('locate');
  const whereabouts = await parts.locator.locate(request, signal);
  if (whereabouts.kind !== 'at') return whereabouts;

  stages.begin('read');
  const original = await read(parts, whereabouts.keys, options);
  if (original === undefined) throw new AvatarError('avatar_missing');
  if (original === 'unchanged') return { kind: 'unchanged' };
  // A conditional read that met a whole one under way has got it all.
  if (original.etag === knownTag) {
    original.release?.();
    original.done?.();
    return { kind: 'unchanged' };
  }
  const lastModified = whereabouts.lastModified ?? original.lastModified;
  return { kind: 'read', original: { ...original, lastModified } };
}

/**
 * Whether the copy in hand still holds. With it in hand, a store or a database that hangs is not waited
 * for to the end. Throws as `findOriginal` does.
 * @param deadlineMs of the whole miss
 */
export async function verifyCopy(
  parts: FindingParts,
  request: AvatarRequest,
  options: FindingOptions & { readonly knownTag: string },
  deadlineMs: number,
): Promise<FoundOriginal> {
  const withinMs = Math.min(VERIFIED_WITHIN_MS, deadlineMs / 2);
  const detail = `not verified within ${withinMs} ms: the database, the stores or the wait for one of AVATAR_FETCHES took too long`;
  using verifying = new Deadline(withinMs, options.signal, detail);
  const patienceMs = withinMs * STORE_SHARE;
  return await findOriginal(parts, request, { ...options, patienceMs, signal: verifying.signal });
}

async function read(
  { originals, renderer }: FindingParts,
  keys: readonly string[],
  { knownTag, turn, dueAt, signal, patienceMs }: FindingOptions,
): Promise<Found> {
  // Where there is a copy there may be nothing to render: those only take turns at the reads.
  using _place = knownTag === undefined ? renderer.reserve(turn, dueAt) : undefined;
  return await originals.read(keys, { turn, signal, ifNoneMatch: knownTag, patienceMs });
}
