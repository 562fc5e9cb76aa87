/** Spans as a collector gets them: a real OTLP receiver over HTTP. */
import { get } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { freePort } from '../support/ports.ts';
import { type Recorder, startRecorder } from '../support/recorder.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const SAMPLED = { traceparent: `00-${TRACE}-${PARENT}-01` };
const PATH = '/user_avatar/demo/owl/48/2.png';

type Span = {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
  readonly attributes: readonly { key: string; value: Record<string, unknown> }[];
};

type Payload = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Span['attributes'] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
};

/** OTLP's numbers for kinds of spans, and for a status of error. */
const [INTERNAL, SERVER, ERROR] = [1, 2, 2];

let collector: Recorder;

beforeEach(async () => {
  collector = await startRecorder((_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
  );
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://${collector.address}`);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await collector.close();
});

async function traced(variables: Record<string, string> = {}): Promise<TestApp> {
  return await startApp({ OTEL_EXPORTER_OTLP_ENDPOINT: 'set', ...variables });
}

/** Everything the collector got, after the app has sent its last. */
async function received(app: TestApp): Promise<{ spans: Span[]; resource: object }> {
  await app.close();
  const payloads = collector.requests.map(({ body }): Payload => JSON.parse(body));
  const all = payloads.flatMap(({ resourceSpans }) => resourceSpans);
  return {
    spans: all.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
    resource: attributesOf(all[0]?.resource ?? { attributes: [] }),
  };
}

function attributesOf({ attributes }: Pick<Span, 'attributes'>): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

async function ask(url: string, headers: Record<string, string> = {}): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    get(url, { headers, agent: false }, (response) => {
      response.resume().once('end', () => resolve());
    }).once('error', reject);
  });
}

describe('tracing', () => {
  it('gives a miss one span below that of the front, and one below it for each stage', async () => {
    const app = await traced();
    await app.server.inject({ url: `${PATH}?secret=1`, headers: SAMPLED });
    const { spans, resource } = await received(app);

    expect(collector.requests[0]).toMatchObject({ method: 'POST', url: '/v1/traces' });
    expect(resource).toMatchObject({ 'service.name': 'avatar-proxy' });
    const request = spans.find(({ kind }) => kind === SERVER);
    expect(request).toMatchObject({
      name: 'GET /user_avatar',
      traceId: TRACE,
      parentSpanId: PARENT,
    });
    expect(attributesOf(request ?? { attributes: [] })).toMatchObject({
      'http.request.method': 'GET',
      'http.route': '/user_avatar/*',
      'http.response.status_code': 200,
      'url.path': PATH,
      'avatar.outcome': 'rendered',
    });
    const stages = spans.filter(({ kind }) => kind === INTERNAL).toSorted(byStart);
    expect(stages.map(({ name }) => name)).toEqual(['locate', 'read', 'inspect', 'wait', 'render']);
    for (const { traceId, parentSpanId, startTimeUnixNano, endTimeUnixNano } of stages) {
      expect([traceId, parentSpanId]).toEqual([TRACE, request?.spanId]);
      expect(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano)).toBe(true);
      expect(BigInt(startTimeUnixNano) >= BigInt(request?.startTimeUnixNano ?? 0)).toBe(true);
      expect(BigInt(endTimeUnixNano) <= BigInt(request?.endTimeUnixNano ?? 0)).toBe(true);
    }
  });

  it('shows of a stand-in how the avatar was looked for, and then the drawing', async () => {
    const app = await traced({ AVATAR_MISSING: 'blank' });
    await app.server.inject({ url: '/user_avatar/demo/nobody/48/2.png', headers: SAMPLED });
    const { spans } = await received(app);
    const request = spans.find(({ kind }) => kind === SERVER);
    const stages = spans.filter(({ kind }) => kind === INTERNAL).toSorted(byStart);
    expect(stages.map(({ name }) => name)).toEqual(['locate', 'read', 'wait', 'render']);
    for (const { parentSpanId } of stages) expect(parentSpanId).toBe(request?.spanId);
  });

  it('gives a hit by the short way a span of its own', async () => {
    const app = await traced();
    const base = await app.listen();
    await ask(`${base}${PATH}`, { traceparent: `00-${TRACE}-${PARENT}-00` });
    await ask(`${base}${PATH}`, SAMPLED);
    const { spans } = await received(app);
    expect(spans).toHaveLength(1);
    expect(spans[0]).toMatchObject({ name: 'GET /user_avatar', traceId: TRACE });
    expect(attributesOf(spans[0] ?? { attributes: [] })).toMatchObject({
      'avatar.outcome': 'memory',
    });
  });

  it('marks failures as such, with the stage that failed', async () => {
    const nobody = `s3://bucket?endpoint=http://127.0.0.1:${await freePort()}&region=x`;
    const app = await traced({
      AVATAR_ORIGINALS: nobody,
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
    });
    await app.server.inject({ url: PATH, headers: SAMPLED });
    const { spans } = await received(app);
    const request = spans.find(({ kind }) => kind === SERVER);
    expect(request?.status.code).toBe(ERROR);
    const { 'error.type': type } = attributesOf(request ?? { attributes: [] });
    expect(type).toMatch(/^originals_/);
    expect(spans.toSorted(byStart).at(-1)?.name).toBe('read');
  });

  it.each(['', 'nonsense', `00-${'0'.repeat(32)}-${PARENT}-01`, `ff-${TRACE}-${PARENT}-01`])(
    'begins a trace of its own after the traceparent "%s"',
    async (traceparent) => {
      const app = await traced();
      await app.server.inject({ url: '/healthz', headers: { traceparent } });
      const { spans } = await received(app);
      expect(spans).toHaveLength(1);
      expect(spans[0]?.name).toBe('GET');
      expect(spans[0]?.traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(spans[0]?.traceId).not.toMatch(new RegExp(`^0+$|${TRACE}`));
      expect(spans[0]?.parentSpanId ?? '').toBe('');
    },
  );

  it('leaves sampling and names to the standard variables', async () => {
    vi.stubEnv('OTEL_SERVICE_NAME', 'faces');
    vi.stubEnv('OTEL_TRACES_SAMPLER', 'parentbased_always_off');
    const app = await traced();
    await app.server.inject('/healthz');
    await app.server.inject({ url: '/healthz', headers: SAMPLED });
    const { spans, resource } = await received(app);
    expect(spans.map(({ traceId }) => traceId)).toEqual([TRACE]);
    expect(resource).toMatchObject({ 'service.name': 'faces' });
  });

  it('is off unless it is asked for', async () => {
    const app = await startApp();
    await app.server.inject({ url: PATH, headers: SAMPLED });
    expect((await received(app)).spans).toEqual([]);
    const off = await traced({ AVATAR_TRACING: 'false' });
    await off.server.inject({ url: PATH, headers: SAMPLED });
    expect((await received(off)).spans).toEqual([]);
  });

  it('loses spans, and nothing else, with a collector that is not there', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${await freePort()}`);
    const app = await traced();
    expect((await app.server.inject(PATH)).statusCode).toBe(200);
    await app.close();
  });

  it('loses spans, says so, and closes all the same, with a collector that refuses the last', async () => {
    const refusing = await startRecorder((_request, response) => response.writeHead(404).end());
    onTestFinished(() => refusing.close());
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://${refusing.address}`);
    const app = await traced();
    expect((await app.server.inject(PATH)).statusCode).toBe(200);
    await app.close();
    expect(refusing.requests).toHaveLength(1);
    expect(app.lines).toContainEqual(
      expect.objectContaining({ level: 40, msg: 'spans were lost', reason: expect.any(String) }),
    );
  });
});

function byStart(one: Span, other: Span): number {
  return Number(BigInt(one.startTimeUnixNano) - BigInt(other.startTimeUnixNano));
}
