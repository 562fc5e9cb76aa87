/** How a renderer reports an order that failed. */
import type { RendererMessage, RenderOrder } from './protocol.ts';
import { TooSlow } from './transform.ts';

/**
 * libvips says this when the machine has no memory or no thread left for any such picture; sharp calls it
 * a corrupt header. Codecs that lack memory are another matter: a length in a chunk asks for it.
 */
const MACHINES_TROUBLE = /: (?:out of memory --+ size == |unable to create thread)/;

/** A decoder's verdict comes as a plain error of sharp's; all others are mistakes of ours, or the machine's. */
export function failureOf(
  error: unknown,
  order: Pick<RenderOrder, 'kind'>,
): Extract<RendererMessage['kind'], 'refused' | 'failed' | 'too_slow'> {
  if (error instanceof TooSlow) return 'too_slow';
  const isPlain = error instanceof Error && Object.getPrototypeOf(error) === Error.prototype;
  const isVerdict = isPlain && !MACHINES_TROUBLE.test(error.message);
  return order.kind === 'picture' && isVerdict ? 'refused' : 'failed';
}
