/** What a renderer says of an order that came to nothing. */
import type { RendererMessage, RenderOrder } from './protocol.ts';
import { TooSlow } from './transform.ts';

/**
 * Of libvips itself: the machine has no memory or no thread for what any such picture needs. sharp calls
 * that a corrupt header. What codecs say of memory is another matter: a length in a chunk asks for it.
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
