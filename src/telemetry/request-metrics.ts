/** What became of requests: one count for each reply. */
import { Counter, Histogram, type Registry } from 'prom-client';
import { FAULT_CODES, type FaultCode, FAULTS } from '../errors.ts';
import type { Reply, RequestCounter } from '../http/access-log.ts';
import type { Outcome, OutcomeName, Picture } from '../http/outcome.ts';
import type { VariantFormat } from '../vocabulary/formats.ts';
import { readCounters, SECONDS } from './instruments.ts';

type Kind = readonly [outcome: OutcomeName, picture: Picture | 'none', status: number];

/** All but the rarest, so that the first reply of a kind is seen as an increase from 0. */
const USUAL: readonly Kind[] = [
  ['memory', 'avatar', 200],
  ['memory', 'avatar', 304],
  ['memory', 'letter', 200],
  ['memory', 'letter', 304],
  ['shared', 'avatar', 200],
  ['rendered', 'avatar', 200],
  ['rendered', 'letter', 200],
  ['joined', 'avatar', 200],
  ['joined', 'letter', 200],
  ['unchanged', 'avatar', 304],
  ['stand_in', 'blank', 200],
  ['stand_in', 'blank', 304],
  ['stand_in', 'letter', 200],
  ['stand_in', 'letter', 304],
  ['redirect', 'none', 302],
  ['health', 'none', 200],
  ['other', 'none', 204],
  ...FAULT_CODES.map((code): Kind => [code, 'none', FAULTS[code].status]),
];

/** What is timed: work was done for it, or should have been. */
const WORKED_FOR: ReadonlySet<OutcomeName> = new Set([
  'shared',
  'rendered',
  'joined',
  'unchanged',
  'stand_in',
]);

/**
 * Refused before anything was looked for, or because there was no room: that takes little time or none, and
 * whoever tries addresses at random would make misses look fast.
 */
const NOT_WORKED_FOR: ReadonlySet<FaultCode> = new Set([
  'not_found',
  'path_invalid',
  'host_not_served',
  'size_not_served',
  'method_not_allowed',
  'request_malformed',
  'overloaded',
]);

export class RequestMetrics implements RequestCounter {
  /** Since the last scrape; counted up by the hit path itself, many thousands a second. */
  readonly hits = {
    avatar: { whole: 0, unchanged: 0 },
    letter: { whole: 0, unchanged: 0 },
  };
  readonly sentBytes: Record<VariantFormat, number> = {
    png: 0,
    jpg: 0,
    webp: 0,
    avif: 0,
    gif: 0,
    awebp: 0,
    agif: 0,
    svg: 0,
  };
  readonly #requests: Counter<'outcome' | 'picture' | 'status'>;
  readonly #missSeconds: Histogram<'outcome'>;
  readonly #turnedAway: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'avatar_requests_total',
      help: 'Replies by outcome (as in the log), by what the picture shows, and by status',
      labelNames: ['outcome', 'picture', 'status'],
      registers,
      collect: () => this.#collectHits(),
    });
    this.#missSeconds = new Histogram({
      name: 'avatar_miss_duration_seconds',
      help: 'From request to reply, for what was not in memory',
      labelNames: ['outcome'],
      buckets: SECONDS,
      registers,
    });
    this.#turnedAway = new Counter({
      name: 'avatar_connections_dropped_total',
      help: 'Connections turned away because there were as many as may be',
      registers,
    });
    readCounters(registry, 'format', {
      name: 'avatar_response_bytes_total',
      help: 'Bytes of pictures sent, by format',
      read: () => this.sentBytes,
    });
    for (const [outcome, picture, status] of USUAL) {
      this.#requests.inc({ outcome, picture, status }, 0);
    }
    for (const outcome of [...WORKED_FOR, 'refused', 'failed']) this.#missSeconds.zero({ outcome });
  }

  replied({ outcome, status, seconds, bytes }: Reply): void {
    const { name, picture = 'none', format } = outcome;
    this.#requests.inc({ outcome: name, picture, status });
    const timed = timedAs(outcome);
    if (timed !== undefined) this.#missSeconds.observe({ outcome: timed }, seconds);
    if (format !== undefined) this.sentBytes[format] += bytes;
  }

  turnedAway(): void {
    this.#turnedAway.inc();
  }

  /** Of replies by the short way. */
  #collectHits(): void {
    for (const picture of ['avatar', 'letter'] as const) {
      const counts = this.hits[picture];
      this.#requests.inc({ outcome: 'memory', picture, status: 200 }, counts.whole);
      this.#requests.inc({ outcome: 'memory', picture, status: 304 }, counts.unchanged);
      counts.whole = 0;
      counts.unchanged = 0;
    }
  }
}

/** @returns undefined for what takes no time to speak of: hits, redirects, probes, the refusals above */
function timedAs({ name, error }: Outcome): string | undefined {
  if (WORKED_FOR.has(name)) return name;
  if (name !== error?.code || NOT_WORKED_FOR.has(error.code)) return undefined;
  return error.isVerdict ? 'refused' : 'failed';
}
