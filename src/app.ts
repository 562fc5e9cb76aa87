/** Where the parts are joined. */
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { Letters } from './avatar/letters.ts';
import { Pipeline } from './avatar/pipeline.ts';
import type { Config } from './config/load.ts';
import { VERSION } from './config/version.ts';
import { takeAllSteps } from './flow/steps.ts';
import { AccessLog } from './http/access-log.ts';
import { buildAdmin } from './http/admin.ts';
import type { Example } from './http/gallery.ts';
import { type Forum, openForum } from './forum.ts';
import { closerOf } from './http/closing.ts';
import { avatarRoutes } from './http/avatars.ts';
import { PictureHeaders } from './http/headers.ts';
import { healthRoutes } from './http/health.ts';
import { HitPath } from './http/hits.ts';
import { letterRoutes } from './http/letters.ts';
import { Negotiation } from './http/negotiation.ts';
import { buildServer } from './http/server.ts';
import { createInspector } from './inspect/inspect.ts';
import { identify } from './inspect/magic.ts';
import { recentBytesBeside } from './originals/recent.ts';
import { CoalescedOriginals } from './originals/coalesced.ts';
import type { OriginalStore } from './originals/store.ts';
import type { RendererEvents } from './render/workers.ts';
import type { RenderPool } from './render/pool.ts';
import { LETTERS_VERSION, PROFILE_VERSIONS } from './render/profiles.ts';
import { startRenderers } from './renderers.ts';
import type { Sharing } from './sharing.ts';
import { openStores, paceOf } from './stores.ts';
import { Liveness } from './telemetry/liveness.ts';
import type { Log } from './telemetry/log.ts';
import { Metrics } from './telemetry/metrics.ts';
import type { StoredFormat } from './telemetry/store-metrics.ts';
import { OriginalsReadiness } from './telemetry/readiness.ts';
import { storeLabel, StoreReports } from './telemetry/store-reports.ts';
import type { Tracing } from './telemetry/tracing.ts';
import { createMemoryVariants } from './variants/memory.ts';

export type App = {
  /** The public listener. */
  readonly server: FastifyInstance;
  /** The operators' listener. */
  readonly admin: FastifyInstance;
  readonly renderer: RenderPool;
  /** Readiness goes off; everything is still served. */
  drain(): void;
  close(): Promise<void>;
};

/** Bytes of originals held between read and render: about three of the largest. */
const HELD_ORIGINALS_BYTES = 64 * 1024 * 1024;
/** How long one store is waited for while there is another one to ask. */
const PATIENCE_MS = 3000;
/** How long operators may take, when there is nothing left to look at. */
const OPERATORS_MS = 1000;

export async function buildApp(config: Config, log: Log): Promise<App> {
  const { logger, lines } = log;
  const metrics = new Metrics();
  const forum = await openForum(config, logger, metrics);
  const originals = await openOriginals(config, logger, metrics);
  const variants = createMemoryVariants(config.memoryBytes);
  const sharing = await openSharing(config, forum, logger, metrics);
  const renderer = startRenderers(config, reportRenderers(logger, metrics));
  const readiness = new OriginalsReadiness(originals);
  const { deadlineMs } = config;
  const liveness = new Liveness({ render: renderer, read: originals }, deadlineMs);
  const letters = new Letters(
    { renderer, variants, observer: metrics },
    { version: LETTERS_VERSION, deadlineMs },
  );
  const pipeline = new Pipeline(
    {
      ...forum,
      originals,
      inspector: createInspector(config),
      renderer,
      variants,
      shared: sharing?.copies,
      letters,
      observer: metrics,
    },
    {
      ...config,
      knowsItsSites: forum.knowsItsSites,
      standIn: { picture: config.missing, codes: forum.standInCodes },
      profiles: PROFILE_VERSIONS,
    },
  );
  metrics.watch({
    cacheBytes: () => variants.bytes,
    cacheEntries: () => variants.count,
    readsRunning: () => originals.running,
    readsWaiting: () => originals.waiting,
    rendersRunning: () => renderer.running,
    rendersWaiting: () => renderer.waiting,
    oldestWaitMs: () => renderer.oldestWaitMs,
    shed: () => renderer.shed,
    renderersUp: () => renderer.up,
    rendererPids: () => renderer.pids,
    droppedLines: () => log.droppedLines,
  });
  metrics.describe({ ...config, version: VERSION });

  const { basePath, cdnUrl: redirectBase } = config;
  const { grammar, letterGrammars: grammars } = forum;
  const headers = new PictureHeaders(forum.style);
  const tracing = config.tracing ? await openTracing(logger) : undefined;
  const accessLog = new AccessLog(logger, metrics.requests, lines, tracing);
  const negotiation = new Negotiation(config.negotiate);
  const hits = new HitPath(variants, headers, accessLog, negotiation);
  const server = buildServer(logger, {
    hits,
    log: accessLog,
    draining: readiness,
    trustedProxies: config.trustedProxies,
  });
  const closeServer = closerOf(server, deadlineMs);
  await server.register(healthRoutes, { readiness, liveness });
  await server.register(avatarRoutes, {
    pipeline,
    grammar,
    headers,
    hits,
    negotiation,
    basePath,
    redirectBase,
  });
  await server.register(letterRoutes, { letters, grammars, headers, hits, basePath });
  const admin = await buildAdmin({
    logger,
    registry: metrics.registry,
    gallery: {
      pipeline,
      grammar,
      sizes: forum.sizes,
      headers,
      counter: metrics.requests,
      example: exampleOf(config),
    },
  });
  const closeAdmin = closerOf(admin, OPERATORS_MS);

  return {
    server,
    admin,
    renderer,
    drain: () => readiness.drain(),
    // Operators may look until the last request is answered.
    close: () =>
      takeAllSteps(
        [closeServer],
        [() => lines.flush()],
        [renderer, forum, sharing, tracing].map((part) => () => part?.close()),
        [() => originals.close(), () => metrics.close()],
        [closeAdmin],
      ),
  };
}

async function openTracing(logger: Logger): Promise<Tracing> {
  const { Tracing } = await import('./telemetry/tracing.ts');
  return new Tracing({
    version: VERSION,
    onError: (error) => logger.warn({ reason: String(error) }, 'spans were lost'),
  });
}

/** What the gallery's form has in it: a demo avatar where there is no other known. */
function exampleOf({ isDemo, hosts }: Config): Example {
  if (isDemo) return { host: 'meta.discourse.org', user: 'jongnam', id: '52330_1' };
  const [host = ''] = hosts ?? [];
  return { host, user: '', id: '1' };
}

async function openSharing(
  config: Config,
  forum: Forum,
  logger: Logger,
  metrics: Metrics,
): Promise<Sharing | undefined> {
  if (config.variantStore === undefined) return undefined;
  const sharing = await import('./sharing.ts');
  return await sharing.openSharing(config.variantStore, config, forum, logger, metrics.stores);
}

async function openOriginals(
  config: Config,
  logger: Logger,
  metrics: Metrics,
): Promise<CoalescedOriginals> {
  const { originals, fetches: slots } = config;
  const opened = await openStores(originals, config, logger);
  const stores = config.hedges ? await hedge(opened, metrics) : opened;
  return new CoalescedOriginals(stores, {
    slots,
    heldBytes: HELD_ORIGINALS_BYTES,
    recentBytes: recentBytesBeside(config.memoryBytes),
    patienceMs: PATIENCE_MS * paceOf(config),
    events: new StoreReports(stores, logger, metrics.stores),
    onBytes: (bytes) => metrics.stores.readOriginal(formatOf(bytes), bytes.byteLength),
    onJoined: () => metrics.joined('original'),
  });
}

/** For a label: whoever uploads may put any bytes under any name. */
function formatOf(bytes: Buffer): StoredFormat {
  const identity = identify(bytes);
  return identity.kind === 'served' ? identity.format : 'other';
}

async function hedge(
  stores: readonly OriginalStore[],
  metrics: Metrics,
): Promise<readonly OriginalStore[]> {
  const { createHedgedStore } = await import('./originals/hedged.ts');
  return stores.map((store, index) =>
    createHedgedStore(store, (first) => metrics.stores.hedge(storeLabel(index, store), first)),
  );
}

function reportRenderers(logger: Logger, metrics: Metrics): RendererEvents {
  return {
    rendered: (variants, ms, pixels) => metrics.rendered(variants, ms / 1000, pixels),
    died: (original, error) => {
      metrics.rendererDied();
      logger.error({ original, reason: String(error) }, 'a renderer died over a picture');
    },
    diedIdle: (error) => {
      metrics.rendererDied();
      logger.error({ reason: String(error) }, 'a renderer died without a picture');
    },
    quarantined: (original) => {
      metrics.quarantined();
      logger.error({ original }, 'a picture killed two renderers and is refused for an hour');
    },
    failedStart: (reason) => {
      metrics.rendererFailedToStart();
      logger.error({ reason: String(reason) }, 'a renderer could not be started');
    },
  };
}
