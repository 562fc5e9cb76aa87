/** One variant of an original, moving where it may. */
import { AvatarError } from '../errors.ts';
import { type AskedFormat, type Format, isMoving, outputFormat, stillFormat } from './formats.ts';
import type { InspectedOriginal, Renderer, RenderJob } from './ports.ts';

export type Rendition = { readonly bytes: Buffer; readonly format: Format };

/** In pixels of all frames together, as they are scaled: as WebP half a second of work. */
const MOST_SCALED_PIXELS = 6e6;

/** @throws AvatarError as the renderer does */
export async function renderAsked(
  renderer: Pick<Renderer, 'render'>,
  asked: AskedFormat,
  job: Omit<RenderJob, 'format'>,
  signal: AbortSignal,
): Promise<Rendition> {
  const { original, size } = job;
  const format = outputFormat(asked, original.format, canMove(original, size));
  if (!isMoving(format))
    return { bytes: await renderer.render({ ...job, format }, signal), format };
  try {
    const moving = { ...job, format, original: { ...original, ...original.motion } };
    return { bytes: await renderer.render(moving, signal), format };
  } catch (error) {
    // A later frame is damaged, or all of them took too long: the first is another matter.
    if (AvatarError.from(error).code !== 'original_corrupt') throw error;
    const still = stillFormat(format);
    return { bytes: await renderer.render({ ...job, format: still }, signal), format: still };
  }
}

/** All frames are scaled before the middle of each is cut out. */
function canMove({ motion, frames, width, height }: InspectedOriginal, size: number): boolean {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  return motion !== undefined && (frames * size * size * long) / short <= MOST_SCALED_PIXELS;
}
