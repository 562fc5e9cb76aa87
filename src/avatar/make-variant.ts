/** The step from an original to the variant asked for: it is inspected, rendered and named. */
import { AvatarError } from '../errors.ts';
import type { Turn } from '../flow/fair-queue.ts';
import type { AskedFormat } from '../vocabulary/formats.ts';
import type { Inspector, Original, Renderer, RenderJob, Variant, Vectors } from './ports.ts';
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
  { request: { size }, format, turn, stages, dueAt, signal }: VariantWanted,
  profiles: ProfileVersions,
): Promise<Variant> {
  if (vectors.accepts(original.bytes)) {
    const { etag, lastModified } = original;
    const tag = entityTag({ etag }, size, 'svg', profiles);
    // A copy: the original's memory is used again.
    return { bytes: Buffer.from(original.bytes), format: 'svg', etag: tag, lastModified };
  }
  try {
    stages.begin('inspect');
    const inspected = inspector.inspect(original.bytes);
    stages.begin('wait');
    const onTurn = (): void => stages.begin('render');
    const job = { ...turn, original: inspected, size, format, dueAt, onTurn, signal };
    return await renderVariant(renderer, original, job, profiles);
  } catch (thrown) {
    throw withName(thrown, original);
  }
}

/** Who looks into bytes does not know whose they are, and whoever reads the log has to find them. */
function withName(thrown: unknown, { identity }: Original): unknown {
  if (!(thrown instanceof AvatarError) || !thrown.isVerdict) return thrown;
  const { code, message, cause } = thrown;
  if (message.startsWith(identity)) return thrown;
  return new AvatarError(code, { detail: `${identity}: ${message}`, cause });
}

type VariantJob = Omit<RenderJob, 'identity' | 'format'> & {
  readonly format: AskedFormat;
  readonly signal: AbortSignal;
};

/**
 * Renders an original that was inspected, for visitors or ahead of them: the same bytes and the same tag.
 * @throws AvatarError as the renderer does
 */
export async function renderVariant(
  renderer: Pick<Renderer, 'render'>,
  { identity, etag, lastModified }: Original,
  { format: asked, signal, ...job }: VariantJob,
  profiles: ProfileVersions,
): Promise<Variant> {
  const rendition = await renderAsked(renderer, asked, { ...job, identity }, signal);
  const { format, isProvisional = false } = rendition;
  // A provisional still must not validate as the animation.
  const named = isProvisional ? format : asked;
  const tag = entityTag({ etag }, job.size, format, profiles, named);
  return { ...rendition, etag: tag, lastModified };
}
