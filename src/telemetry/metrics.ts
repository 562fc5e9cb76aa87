/**
 * What Prometheus is told. Names after its conventions: base units, `_total` for counters. Every label
 * has few values, all of them ours; nothing a client sends becomes one. Those known are there from the
 * start, at 0: Prometheus cannot see the increase that comes with a new series.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type Stages, STAGES, type WorkObserver } from '../avatar/stages.ts';
import type { LookUpResult } from '../discourse/locator.ts';
import { readCounter, readCounters, readGauge, SECONDS } from './instruments.ts';
import { registerProcessMetrics, residentBytes } from './process-metrics.ts';
import { RequestMetrics } from './request-metrics.ts';
import { StoreMetrics } from './store-metrics.ts';

/** Numbers that are asked for when somebody scrapes. */
type Readings = {
  readonly cacheBytes: () => number;
  readonly cacheEntries: () => number;
  readonly readsRunning: () => number;
  readonly readsWaiting: () => number;
  readonly rendersRunning: () => number;
  readonly rendersWaiting: () => number;
  readonly oldestWaitMs: () => number;
  readonly shed: () => Readonly<Record<string, number>>;
  readonly renderersUp: () => number;
  readonly rendererPids: () => readonly number[];
  readonly droppedLines: () => number;
};

/** What does not change while the service runs. */
type Limits = {
  readonly version: string;
  readonly renders: number;
  readonly fetches: number;
  readonly memoryBytes: number;
};

/** Work that several may share. */
const COALESCED_WORK = ['variant', 'letter', 'original'] as const;

const LOOK_UP_RESULTS: readonly LookUpResult[] = ['found', 'moved', 'missing', 'failed'];

export class Metrics implements WorkObserver {
  readonly registry = new Registry();
  readonly requests = new RequestMetrics(this.registry);
  readonly stores = new StoreMetrics(this.registry);
  readonly #stopWatching = registerProcessMetrics(this.registry);
  readonly #cacheMisses: Counter;
  readonly #coalesced: Counter<'work'>;
  readonly #stageSeconds: Histogram<'stage'>;
  readonly #renderSeconds: Histogram;
  readonly #renderedVariants: Counter;
  readonly #renderedPixels: Counter;
  readonly #rendererDeaths: Counter;
  readonly #failedStarts: Counter;
  readonly #quarantined: Counter;
  readonly #lookUps: Counter<'result'>;

  constructor() {
    const registers = [this.registry];
    this.#cacheMisses = new Counter({
      name: 'avatar_cache_misses_total',
      help: 'Pictures that were not in memory; hits are the requests with outcome "memory"',
      registers,
    });
    this.#coalesced = new Counter({
      name: 'avatar_coalesced_total',
      help: 'Those who shared work that was under way for somebody else',
      labelNames: ['work'],
      registers,
    });
    this.#stageSeconds = new Histogram({
      name: 'avatar_stage_duration_seconds',
      help: 'The stages of the work behind misses, in the order of its way',
      labelNames: ['stage'],
      buckets: SECONDS,
      registers,
    });
    this.#renderedVariants = new Counter({
      name: 'avatar_rendered_variants_total',
      help: 'Variants rendered; several of one large original in one render',
      registers,
    });
    this.#renderSeconds = new Histogram({
      name: 'avatar_render_duration_seconds',
      help: 'One render, without waiting for its turn',
      buckets: SECONDS,
      registers,
    });
    this.#renderedPixels = new Counter({
      name: 'avatar_rendered_pixels_total',
      help: 'Pixels of the originals rendered',
      registers,
    });
    this.#rendererDeaths = new Counter({
      name: 'avatar_renderer_deaths_total',
      help: 'Renderers that died, or were killed over a picture',
      registers,
    });
    this.#failedStarts = new Counter({
      name: 'avatar_renderer_failed_starts_total',
      help: 'Renderers that did not come up',
      registers,
    });
    this.#quarantined = new Counter({
      name: 'avatar_originals_quarantined_total',
      help: 'Originals refused because they killed two renderers',
      registers,
    });
    this.#lookUps = new Counter({
      name: 'avatar_directory_lookups_total',
      help: "Questions to the forum's database, by result",
      labelNames: ['result'],
      registers,
    });
    this.#startAtZero();
  }

  rendered(variants: number, seconds: number, pixels: number): void {
    this.#renderedVariants.inc(variants);
    this.#renderSeconds.observe(seconds);
    this.#renderedPixels.inc(pixels);
  }

  rendererDied(): void {
    this.#rendererDeaths.inc();
  }

  rendererFailedToStart(): void {
    this.#failedStarts.inc();
  }

  quarantined(): void {
    this.#quarantined.inc();
  }

  lookedUp(result: LookUpResult): void {
    this.#lookUps.inc({ result });
  }

  missed(): void {
    this.#cacheMisses.inc();
  }

  joined(work: (typeof COALESCED_WORK)[number]): void {
    this.#coalesced.inc({ work });
  }

  worked({ times }: Stages): void {
    for (const { stage, startedAt, endedAt } of times) {
      this.#stageSeconds.observe({ stage }, (endedAt - startedAt) / 1000);
    }
  }

  watch(readings: Readings): void {
    const gauge = (name: string, help: string, read: () => number): void =>
      readGauge(this.registry, { name, help, read });
    gauge('avatar_cache_bytes', 'Variants in memory, in bytes', readings.cacheBytes);
    gauge('avatar_cache_entries', 'Variants in memory', readings.cacheEntries);
    gauge('avatar_reads_running', 'Reads of originals under way', readings.readsRunning);
    gauge('avatar_reads_waiting', 'Reads of originals waiting', readings.readsWaiting);
    gauge('avatar_renders_running', 'Renders under way', readings.rendersRunning);
    gauge('avatar_renders_waiting', 'Renders waiting for their turn', readings.rendersWaiting);
    gauge(
      'avatar_render_queue_oldest_seconds',
      'How long the one who came first has been waiting for a renderer',
      () => readings.oldestWaitMs() / 1000,
    );
    gauge('avatar_renderers_up', 'Renderers that can work', readings.renderersUp);
    gauge('avatar_renderers_resident_memory_bytes', 'Resident memory of all renderers', () =>
      residentBytes(readings.rendererPids()),
    );
    readCounter(this.registry, {
      name: 'avatar_log_lines_dropped_total',
      help: 'Lines of the log that could not be written to the standard output',
      read: readings.droppedLines,
    });
    readCounters(this.registry, 'reason', {
      name: 'avatar_shed_total',
      help: 'Renders refused because they could only have been late',
      read: readings.shed,
    });
  }

  /** What the numbers are measured against. */
  describe({ version, renders, fetches, memoryBytes }: Limits): void {
    const gauge = (name: string, help: string, value: number): void =>
      readGauge(this.registry, { name, help, read: () => value });
    gauge('avatar_cache_limit_bytes', 'Memory for variants', memoryBytes);
    gauge('avatar_renderers_wanted', 'Renderers there should be', renders);
    gauge('avatar_reads_limit', 'Reads of originals that may run at once', fetches);
    new Gauge({
      name: 'avatar_build_info',
      help: 'Always 1: the labels tell what is running',
      labelNames: ['version', 'node'],
      registers: [this.registry],
    }).set({ version, node: process.versions.node }, 1);
  }

  close(): void {
    this.#stopWatching();
  }

  #startAtZero(): void {
    for (const stage of STAGES) this.#stageSeconds.zero({ stage });
    for (const work of COALESCED_WORK) this.#coalesced.inc({ work }, 0);
    for (const result of LOOK_UP_RESULTS) this.#lookUps.inc({ result }, 0);
  }
}
