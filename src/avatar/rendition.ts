/** Renders one variant of an original, moving where it may. */
import { AvatarError } from '../errors.ts';
import {
  type AskedFormat,
  type Format,
  isMoving,
  type MovingFormat,
  stillFormat,
} from '../vocabulary/formats.ts';
import { outputFormat } from './format-choice.ts';
import type { InspectedOriginal, Renderer, RenderJob } from './ports.ts';

type Rendition = {
  readonly bytes: Buffer;
  readonly format: Format;
  /** Whether it is a still for want of time, so that another try may bring the animation. */
  readonly isProvisional?: boolean;
};

/**
 * How many scaled pixels all frames may have together: half a second of encoding for usual pictures, three
 * quarters for noise. Finding the palette of a GIF's frame costs as much as 3000 pixels, and each of its
 * pixels costs four times what it does in WebP.
 */
const BUDGETS = {
  awebp: { frame: 0, all: 6e6 },
  agif: { frame: 3000, all: 1.2e6 },
} as const satisfies Record<MovingFormat, { frame: number; all: number }>;

/** @throws AvatarError as the renderer does, but for `animation_too_slow` */
export async function renderAsked(
  renderer: Pick<Renderer, 'render'>,
  asked: AskedFormat,
  job: Omit<RenderJob, 'format'>,
  signal: AbortSignal,
): Promise<Rendition> {
  const { original, size } = job;
  const canMove = isMoving(asked) && isWithin(BUDGETS[asked], original, size);
  const format = outputFormat(asked, original.format, canMove);
  if (!isMoving(format)) {
    return { bytes: await renderer.render({ ...job, format }, signal), format };
  }
  try {
    const moving = { ...job, format, original: { ...original, ...original.motion } };
    return { bytes: await renderer.render(moving, signal), format };
  } catch (error) {
    const { code } = AvatarError.from(error);
    // A later frame is damaged, or there was no time for all: the first may be fine.
    if (code !== 'original_corrupt' && code !== 'animation_too_slow') throw error;
    const still = stillFormat(format);
    const bytes = await renderer.render({ ...job, format: still }, signal);
    return { bytes, format: still, isProvisional: code === 'animation_too_slow' };
  }
}

/** Counts whole frames: they are scaled before the middle of each is cut out. */
function isWithin(
  budget: { readonly frame: number; readonly all: number },
  { motion, frames, width, height }: InspectedOriginal,
  size: number,
): boolean {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  const scaled = (size * size * long) / short;
  return motion !== undefined && frames * (budget.frame + scaled) <= budget.all;
}
