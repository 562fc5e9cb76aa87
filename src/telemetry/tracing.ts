/**
 * Spans for OpenTelemetry, made after the fact from what each reply leaves behind: the way of a request
 * knows nothing of tracing and pays nothing for it. Loading this file loads the SDK.
 */
import { type Context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { TextMapGetter, Tracer } from '@opentelemetry/api';
import { setGlobalErrorHandler, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stages } from '../avatar/stages.ts';
import type { FinishedRequest, RequestTracer } from '../http/access-log.ts';

type TracingOptions = {
  readonly version: string;
  /** Told why spans were lost. */
  readonly onError: (error: unknown) => void;
};

/** How long the last spans may take at the end: a collector that hangs must not hold the process. */
const LAST_SPANS_MS = 2000;
/** No names of users or hosts: few names of spans, or nobody can group by them. */
const ROUTE = /\/(?<route>user_avatar|letter_avatar_proxy|letter_avatar)\//;

type Headers = FinishedRequest['headers'];

const HEADERS: TextMapGetter<Headers> = {
  get: (headers, name) => headers[name],
  keys: (headers) => Object.keys(headers),
};

export class Tracing implements RequestTracer {
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;
  readonly #onError: TracingOptions['onError'];
  readonly #propagator = new W3CTraceContextPropagator();

  /** The exporter and the resource read the standard variables, `OTEL_…`, by themselves. */
  constructor({ version, onError }: TracingOptions) {
    this.#onError = onError;
    setGlobalErrorHandler(onError);
    const service = { 'service.name': 'avatar-proxy', 'service.version': version };
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes(service).merge(
        detectResources({ detectors: [envDetector] }),
      ),
      sampler: samplerOf(process.env),
      spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
    });
    this.#tracer = this.#provider.getTracer('avatar-proxy', version);
  }

  finished(request: FinishedRequest): void {
    const { method, path, headers, outcome, status, bytes, startedAt, ms, stages } = request;
    const parent = this.#propagator.extract(ROOT_CONTEXT, headers, HEADERS);
    const startTime = performance.timeOrigin + startedAt;
    const route = ROUTE.exec(path)?.groups?.['route'];
    const span = this.#tracer.startSpan(
      route === undefined ? method : `${method} /${route}`,
      {
        kind: SpanKind.SERVER,
        startTime,
        attributes: {
          'http.request.method': method,
          'url.path': path,
          'http.response.status_code': status,
          'http.response.body.size': bytes,
          'avatar.outcome': outcome,
        },
      },
      parent,
    );
    if (!span.isRecording()) return;
    if (route !== undefined) span.setAttribute('http.route', `/${route}/*`);
    if (status >= 500) {
      span.setAttribute('error.type', outcome).setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#traceStages(stages, trace.setSpan(parent, span));
    span.end(startTime + ms);
  }

  /** Sends what there is still to send, if the collector will have it. */
  async close(): Promise<void> {
    const patience = sleep(LAST_SPANS_MS, undefined, { ref: false });
    await Promise.race([this.#provider.shutdown().catch(this.#onError), patience]);
  }

  #traceStages(pieces: readonly Stages[], within: Context): void {
    for (const { stage, startedAt, endedAt } of pieces.flatMap(({ times }) => times)) {
      const startTime = performance.timeOrigin + startedAt;
      this.#tracer.startSpan(stage, { startTime }, within).end(performance.timeOrigin + endedAt);
    }
  }
}

/**
 * By the standard variables, which this SDK leaves to its user. The front's decision counts, unless they
 * say otherwise.
 */
function samplerOf(variables: NodeJS.ProcessEnv): Sampler {
  const { OTEL_TRACES_SAMPLER: name = '', OTEL_TRACES_SAMPLER_ARG: argument } = variables;
  const root = rootSampler(name.replace(/^parentbased_/, ''), Number(argument ?? 1));
  return name === '' || name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

function rootSampler(name: string, share: number): Sampler {
  switch (name) {
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(share);
    default:
      return new AlwaysOnSampler();
  }
}
