/** The renderers that are configured, started: for the service and for the command line. */
import type { Config } from './config/load.ts';
import { DECODED_BYTES } from './inspect/memory.ts';
import type { RendererEvents } from './render/workers.ts';
import { type PoolSettings, RenderPool } from './render/pool.ts';

export function startRenderers(
  { renders }: Pick<Config, 'renders'>,
  events: RendererEvents,
  { inSets = false }: Pick<PoolSettings, 'inSets'> = {},
): RenderPool {
  return new RenderPool({ renderers: renders, decodedBytes: DECODED_BYTES, inSets }, events);
}
