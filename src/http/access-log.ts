/** One line and one count for each request, whatever became of it. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Variant } from '../avatar/ports.ts';
import { millisecondsOf, type Stages } from '../avatar/stages.ts';
import { type AvatarError, FAULTS } from '../errors.ts';
import { throttle } from '../flow/throttle.ts';
import type { VariantFormat } from '../vocabulary/formats.ts';
import type { HitLine, HitPicture, HitRecorder } from './hits.ts';
import {
  codeBehind,
  isTrouble,
  LEFT,
  OTHER,
  type Outcome,
  type OutcomeName,
  reason,
} from './outcome.ts';
import { requestId } from './request-id.ts';

declare module 'fastify' {
  interface FastifyRequest {
    outcome: Outcome | null;
    /** Of each piece of work that was begun for this very request. */
    stages: readonly Stages[] | null;
  }
}

/** A reply, as it is counted. */
export type Reply = {
  readonly outcome: Outcome;
  readonly status: number;
  readonly seconds: number;
  /** Of the body that was sent. */
  readonly bytes: number;
};

export type RequestCounter = {
  replied(reply: Reply): void;
  /** A connection, at the limit of their number. */
  turnedAway(): void;
  /** Counted up here, in plain numbers. */
  readonly hits: Readonly<Record<HitPicture, HitCounts>>;
  readonly sentBytes: Record<VariantFormat, number>;
};

type HitCounts = { whole: number; unchanged: number };

/** A request with its reply, as it is traced. */
export type FinishedRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly outcome: OutcomeName;
  readonly status: number;
  readonly bytes: number;
  /** On the clock of `performance.now()`, as that of the stages. */
  readonly startedAt: number;
  readonly ms: number;
  readonly stages: readonly Stages[];
};

/** Told of each reply as it is sent. */
export type RequestTracer = { finished(request: FinishedRequest): void };

/** Takes finished lines of the log, each with its line break. */
export type Lines = { add(line: string): void };

/** Whoever opens connections without end is worth a line once in a while. */
const CROWD_EVERY_MS = 60_000;
/** Writes a line and counts, for replies by either way: Fastify's routes, and the short one of hits. */
export class AccessLog implements HitRecorder {
  readonly #logger: Logger;
  readonly #counter: RequestCounter;
  readonly #lines: Lines;
  readonly #tracer: RequestTracer | undefined;
  readonly #logsHits: boolean;
  readonly #warnOfCrowd: (most: number) => void;

  /** @param lines where the logger writes to as well */
  constructor(logger: Logger, counter: RequestCounter, lines: Lines, tracer?: RequestTracer) {
    this.#logger = logger;
    this.#counter = counter;
    this.#lines = lines;
    this.#tracer = tracer;
    this.#logsHits = logger.isLevelEnabled('info');
    this.#warnOfCrowd = throttle(CROWD_EVERY_MS, (most, leftOut) =>
      logger.warn({ most, leftOut }, 'connections are turned away'),
    );
  }

  /**
   * On the app itself, not as a plugin: every route is logged, and those that are none. Before all
   * else: what answers a request in a hook of its own keeps it from the hooks behind.
   */
  watch(app: FastifyInstance): void {
    app.decorateRequest('outcome', null);
    app.decorateRequest('stages', null);
    app.addHook('onRequest', (request, reply, done) => {
      this.follow(request, reply);
      done();
    });
  }

  /** Until it is answered, or nobody waits for the answer: one or the other, and once. */
  follow(request: FastifyRequest, reply: FastifyReply): void {
    const startedAt = performance.now();
    reply.raw.once('close', () => this.#record(request, reply, startedAt));
  }

  /** What could not be read, and so has neither path nor method. */
  refused(error: AvatarError, bytes: number): void {
    const { code, status } = error;
    this.#counter.replied({ outcome: { name: code }, status, seconds: 0, bytes });
    this.#logger.info({ outcome: code, status, bytes, ...reason(error) });
  }

  /** @param most as many connections as there may be, and are */
  turnedAway(most: number): void {
    this.#counter.turnedAway();
    this.#warnOfCrowd(most);
  }

  prepare(path: string, picture: HitPicture): HitLine {
    const record = this.#prepareLine(path, picture);
    const tracer = this.#tracer;
    if (tracer === undefined) return record;
    return (request, status, variant, ms) => {
      record(request, status, variant, ms);
      const { method = '', headers } = request;
      const bytes = bytesOfHit(request, status, variant);
      const startedAt = performance.now() - ms;
      const hit = { method, path, headers, status, bytes, startedAt, ms, stages: [] };
      tracer.finished({ ...hit, outcome: 'memory' });
    };
  }

  #prepareLine(path: string, picture: HitPicture): HitLine {
    // As pino would write it, at a fifth of the cost. Nothing in it but the path needs escaping.
    const known = `,"path":${JSON.stringify(path)},"outcome":"memory","id":"`;
    const { sentBytes, hits } = this.#counter;
    const counts = hits[picture];
    return (request, status, variant, ms) => {
      const bytes = bytesOfHit(request, status, variant);
      if (status === 200) counts.whole += 1;
      else counts.unchanged += 1;
      sentBytes[variant.format] += bytes;
      if (!this.#logsHits) return;
      this.#lines.add(
        `{"level":30,"time":${Date.now()}${known}${requestId(request)}","method":"${request.method}","status":${status},"ms":${rounded(ms)},"bytes":${bytes}}\n`,
      );
    };
  }

  #record(request: FastifyRequest, reply: FastifyReply, startedAt: number): void {
    const ms = performance.now() - startedAt;
    const { method, raw, id } = request;
    // Fastify's own errors come before there is any.
    const stages = request.stages ?? [];
    const isAnswered = reply.raw.headersSent;
    const outcome = isAnswered ? (request.outcome ?? OTHER) : LEFT;
    const status = isAnswered ? reply.raw.statusCode : FAULTS.client_left.status;
    const hasBody = isAnswered && method !== 'HEAD';
    const bytes = hasBody ? Number(reply.getHeader('content-length') ?? 0) : 0;
    this.#counter.replied({ outcome, status, seconds: ms / 1000, bytes });
    const path = withoutQuery(raw.url ?? '');
    this.#tracer?.finished({
      method,
      path,
      headers: raw.headers,
      outcome: outcome.name,
      status,
      bytes,
      startedAt,
      ms,
      stages,
    });
    const line = {
      path,
      outcome: outcome.name,
      id,
      method,
      status,
      ms: rounded(ms),
      bytes,
      ...(stages.length > 0 && { stages: millisecondsOf(stages) }),
      ...codeBehind(outcome),
      ...reason(outcome.error),
    };
    if (isTrouble(outcome)) this.#logger.error(line);
    else this.#logger.info(line);
  }
}

/** For whoever begins work: what it times is told with the request. */
export function watchOver(request: FastifyRequest): (stages: Stages) => void {
  return (stages) => {
    request.stages = [...(request.stages ?? []), stages];
  };
}

/** None where the header alone was wanted, or the copy still holds. */
function bytesOfHit({ method }: IncomingMessage, status: number, { bytes }: Variant): number {
  return status === 200 && method === 'GET' ? bytes.byteLength : 0;
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** Query strings may carry what clients did not mean to tell. */
function withoutQuery(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
