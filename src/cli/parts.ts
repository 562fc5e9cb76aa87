/** What commands that look at avatars are made of: the service's own parts, without its listener. */
import type { Inspector, Originals, Vectors } from '../avatar/ports.ts';
import type { Config } from '../config/load.ts';
import type { AvatarError } from '../errors.ts';
import { RateLimiter } from '../flow/rate-limiter.ts';
import { vectorsFor } from '../forum.ts';
import { createInspector } from '../inspect/inspect.ts';
import { freeOriginal } from '../originals/free.ts';
import { readInTurn } from '../originals/in-turn.ts';
import { rateLimitedStore } from '../originals/rate-limited.ts';
import type { OriginalStore } from '../originals/store.ts';
import type { RendererEvents } from '../render/workers.ts';
import type { RenderPool } from '../render/pool.ts';
import { startRenderers } from '../renderers.ts';
import { openStores } from '../stores.ts';
import { detailOf } from './attempt.ts';
import type { Output } from './output.ts';

export type Parts = {
  readonly originals: Originals;
  readonly vectors: Vectors;
  readonly inspector: Inspector;
  readonly renderer: RenderPool;
  /** How many originals may be in memory at once: enough to keep all renderers busy. */
  readonly atOnce: number;
  /** Rejects when a store cannot be reached: much would seem to be missing. */
  probe(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
};

/** There is nobody waiting; only a picture that hangs its decoder should end by the clock. */
export const RENDERED_WITHIN_MS = 60_000;
/** Reads a second, where no other rate is asked for. */
export const DEFAULT_RATE = 200;

/** @param rate reads a second, of all stores together */
export async function openParts(
  config: Config,
  { rate, output }: { readonly rate: number; readonly output: Output },
): Promise<Parts> {
  const atOnce = Math.min(config.fetches, 8 + 4 * config.renders);
  const limiter = new RateLimiter(rate);
  const opened = await openStores(config.originals, config);
  const stores = opened.map((store) => rateLimitedStore(store, limiter));
  const inTrouble = new Set<string>();
  const onFallback = ({ name }: OriginalStore, error: AvatarError): void => {
    if (inTrouble.has(name)) return;
    inTrouble.add(name);
    output.remark(`${name} is in trouble, the next one is asked: ${detailOf(error)}`);
  };
  const events: RendererEvents = {
    rendered: () => undefined,
    died: (original, error) => output.remark(`a renderer died over ${original}: ${String(error)}`),
    diedIdle: (error) => output.remark(`a renderer died without a picture: ${String(error)}`),
    quarantined: () => undefined,
    failedStart: (reason) => output.remark(`a renderer could not be started: ${String(reason)}`),
  };
  const renderer = startRenderers(config, events, { inSets: true });
  return {
    originals: {
      async read(keys, options) {
        const found = await readInTurn(stores, keys, options, onFallback);
        if (found === undefined || found === 'unchanged') return found;
        return { ...found, release: () => freeOriginal(found.bytes) };
      },
    },
    vectors: vectorsFor(config.locator),
    inspector: createInspector(config),
    renderer,
    atOnce,
    async probe(signal) {
      await Promise.all(stores.map((store) => store.probe(signal)));
    },
    async close() {
      for (const store of stores) store.close();
      await renderer.close();
    },
  };
}
