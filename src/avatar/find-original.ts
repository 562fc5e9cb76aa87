import { AvatarError } from '../errors.ts';
import type { Turn } from '../flow/fair-queue.ts';
import type { Locator, Original, Originals, Renderer } from './ports.ts';
import type { AvatarRequest } from './request.ts';
import type { Stages } from './stages.ts';

export type FindingParts = {
  readonly locator: Locator;
  readonly originals: Originals;
  readonly renderer: Pick<Renderer, 'reserve'>;
};

export type FindingOptions = {
  /** The entity tag of the original that a copy was made from, if there is a copy. */
  readonly knownTag: string | undefined;
  /** In whose turn a render would wait. */
  readonly turn: Turn;
  readonly dueAt: number;
  readonly stages: Stages;
  readonly signal: AbortSignal;
};

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
  // A conditional read that met a whole one under way has got it all.
  if (original === 'unchanged' || original.etag === knownTag) return { kind: 'unchanged' };
  const lastModified = whereabouts.lastModified ?? original.lastModified;
  return { kind: 'read', original: { ...original, lastModified } };
}

async function read(
  { originals, renderer }: FindingParts,
  keys: readonly string[],
  { knownTag, turn, dueAt, signal }: FindingOptions,
): Promise<Original | 'unchanged' | undefined> {
  // Where there is a copy there may be nothing to render.
  using _place = knownTag === undefined ? renderer.reserve(turn, dueAt) : undefined;
  return await originals.read(keys, { signal, ifNoneMatch: knownTag });
}
