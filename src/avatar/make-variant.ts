/** The step from an original to the variant that was asked for: looked into, rendered, named. */
import type { Turn } from '../flow/fair-queue.ts';
import type { AskedFormat } from './formats.ts';
import type { Inspector, Original, Renderer, Variant, Vectors } from './ports.ts';
import { renderAsked } from './rendition.ts';
import type { Stages } from './stages.ts';
import { entityTag, type ProfileVersions } from './variant.ts';

export type VariantParts = {
  readonly vectors: Vectors;
  readonly inspector: Inspector;
  readonly renderer: Renderer;
};

type VariantWanted = {
  readonly turn: Turn;
  readonly request: { readonly size: number };
  readonly format: AskedFormat;
  readonly stages: Stages;
  readonly dueAt: number;
  readonly signal: AbortSignal;
};

/** @throws AvatarError `original_*`, and as the renderer does */
export async function makeVariant(
  { vectors, inspector, renderer }: VariantParts,
  original: Original,
  { request: { size }, format: asked, turn, stages, dueAt, signal }: VariantWanted,
  profiles: ProfileVersions,
): Promise<Variant> {
  const { identity, etag, lastModified } = original;
  if (vectors.accepts(original.bytes)) {
    const tag = entityTag({ etag }, size, 'svg', profiles);
    // A copy: the original's memory is used again.
    return { bytes: Buffer.from(original.bytes), format: 'svg', etag: tag, lastModified };
  }
  stages.begin('inspect');
  const inspected = inspector.inspect(original.bytes);
  stages.begin('wait');
  const onTurn = (): void => stages.begin('render');
  const job = { ...turn, original: inspected, size, identity, dueAt, onTurn };
  const rendition = await renderAsked(renderer, asked, job, signal);
  const { format, isProvisional = false } = rendition;
  // Held by nobody who asks for the animation again.
  const named = isProvisional ? format : asked;
  const tag = entityTag({ etag }, size, format, profiles, named);
  return { ...rendition, etag: tag, lastModified };
}
