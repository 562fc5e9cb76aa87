/** What is scraped after traffic of all kinds: names, units, help, and labels nobody else can fill. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageDescription from '../../package.json' with { type: 'json' };
import { createFolder, startApp, type TestApp } from '../support/app.ts';
import { card } from '../support/cards.ts';
import { type Family, parseExposition } from '../support/exposition.ts';
import { hasPrometheus, promtool } from '../support/prometheus.ts';

const { version } = packageDescription;
const PATH = '/user_avatar/h/u/48/1.png';
/** Of clients nobody asked for: none of it may become a label. */
const NOISE = Array.from({ length: 40 }, (_, index) => `/user_avatar/h${index}/u${index}/48/x.png`);

/** Everything the service exports, by type. A new metric belongs here, and into docs/metrics.md. */
const COUNTERS = [
  'avatar_cache_misses_total',
  'avatar_coalesced_total',
  'avatar_connections_dropped_total',
  'avatar_directory_lookups_total',
  'avatar_log_lines_dropped_total',
  'avatar_original_bytes_total',
  'avatar_original_fallbacks_total',
  'avatar_original_hedges_total',
  'avatar_original_reads_total',
  'avatar_originals_quarantined_total',
  'avatar_rendered_pixels_total',
  'avatar_rendered_variants_total',
  'avatar_renderer_deaths_total',
  'avatar_renderer_failed_starts_total',
  'avatar_requests_total',
  'avatar_response_bytes_total',
  'avatar_shared_variant_writes_total',
  'avatar_shared_variants_total',
  'avatar_shed_total',
  'nodejs_eventloop_active_seconds_total',
  'process_cpu_seconds_total',
];
const GAUGES = [
  'avatar_build_info',
  'avatar_cache_bytes',
  'avatar_cache_entries',
  'avatar_cache_limit_bytes',
  'avatar_original_store_in_trouble',
  'avatar_reads_limit',
  'avatar_reads_running',
  'avatar_reads_waiting',
  'avatar_render_queue_oldest_seconds',
  'avatar_renderers_resident_memory_bytes',
  'avatar_renderers_up',
  'avatar_renderers_wanted',
  'avatar_renders_running',
  'avatar_renders_waiting',
  'avatar_shared_variant_writes_waiting',
  'nodejs_external_memory_bytes',
  'nodejs_heap_size_used_bytes',
  'nodejs_threadpool_threads',
  'nodejs_threadpool_wait_seconds',
  'process_max_fds',
  'process_open_fds',
  'process_resident_memory_bytes',
  'process_start_time_seconds',
];
const HISTOGRAMS = [
  'avatar_miss_duration_seconds',
  'avatar_render_duration_seconds',
  'avatar_stage_duration_seconds',
  'nodejs_eventloop_delay_seconds',
];

let folder: Awaited<ReturnType<typeof createFolder>>;
let app: TestApp;
let base: string;
let families: Map<string, Family>;

beforeAll(async () => {
  const picture = await card(90, 90).png().toBuffer();
  folder = await createFolder({ 'h/u/1': picture, 'h/broken/1': Buffer.from('no picture') });
  app = await startApp({ AVATAR_ORIGINALS: `file:${folder.directory}`, AVATAR_MISSING: 'letter' });
  base = await app.listen();
  const etag = (await fetch(`${base}${PATH}`)).headers.get('etag') ?? '';
  await fetch(`${base}${PATH}`);
  await fetch(`${base}${PATH}`, { method: 'HEAD' });
  await fetch(`${base}${PATH}`, { headers: { 'if-none-match': etag } });
  await fetch(`${base}/user_avatar/h/u/48/1.webp`);
  await fetch(`${base}/user_avatar/h/nobody/48/1.png`);
  await fetch(`${base}/user_avatar/h/broken/48/1.png`);
  await Promise.all(
    [1, 2, 3].map(() => fetch(`${base}/user_avatar/h/u/77/1.png`).then((reply) => reply.text())),
  );
  families = await scrape();
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

async function scrape(): Promise<Map<string, Family>> {
  return parseExposition((await app.admin.inject('/metrics')).body);
}

function value(name: string, labels: Record<string, string> = {}): number | undefined {
  const all = [...families.values()].flatMap(({ samples }) => samples);
  return all.find(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, wanted]) => sample.labels[label] === wanted),
  )?.value;
}

/** All label values of all metrics, each with its name. */
function labelValues(all: Map<string, Family>): string[] {
  const pairs = [...all.values()].flatMap(({ samples }) =>
    samples.flatMap(({ labels }) =>
      Object.entries(labels).map(([name, text]) => `${name}=${text}`),
    ),
  );
  return [...new Set(pairs)].toSorted();
}

describe('the metrics', () => {
  it('are these and no others, each of its type', () => {
    const named = (type: string): string[] =>
      [...families.values()].filter((family) => family.type === type).map(({ name }) => name);
    expect(named('counter').toSorted()).toEqual(COUNTERS);
    expect(named('gauge').toSorted()).toEqual(GAUGES);
    expect(named('histogram').toSorted()).toEqual(HISTOGRAMS);
    expect(families.size).toBe(COUNTERS.length + GAUGES.length + HISTOGRAMS.length);
  });

  it('say what they are, in base units', () => {
    for (const { name, type, help } of families.values()) {
      expect(help, name).toMatch(/^[A-Z].{6,}$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(name).not.toMatch(/_(?:ms|milliseconds|kb|mb|megabytes|percent)(?:_|$)/);
      expect(name.endsWith('_duration_seconds') && type !== 'histogram', name).toBe(false);
    }
  });

  it('have stage times from a millisecond to ten seconds', () => {
    const samples = families.get('avatar_stage_duration_seconds')?.samples ?? [];
    const bounds = samples
      .filter(({ labels }) => labels['stage'] === 'wait')
      .flatMap(({ labels }) => labels['le'] ?? []);
    expect(bounds.at(0)).toBe('0.001');
    expect(bounds.at(-2)).toBe('10');
    expect(bounds.at(-1)).toBe('+Inf');
  });

  it.runIf(hasPrometheus)('please promtool', async () => {
    const { body } = await app.admin.inject('/metrics');
    expect(await promtool(['check', 'metrics'], body)).toBe('');
  });

  it('count replies by outcome, by what is shown, and by status', () => {
    const requests = 'avatar_requests_total';
    const avatar = { picture: 'avatar' };
    expect(value(requests, { ...avatar, outcome: 'memory', status: '304' })).toBe(1);
    expect(value(requests, { outcome: 'stand_in', picture: 'letter', status: '200' })).toBe(1);
    expect(value(requests, { outcome: 'original_not_an_image', status: '422' })).toBe(1);
    const whole = ['rendered', 'joined', 'memory'].map((outcome) =>
      value(requests, { ...avatar, outcome, status: '200' }),
    );
    expect(sum(whole)).toBe(7);
    expect(whole[0]).toBe(3);
    expect(value('avatar_coalesced_total', { work: 'variant' })).toBe(whole[1]);
  });

  it('tell hits from misses', () => {
    // Three variants, however often; nobody's; and a broken one.
    const joined = value('avatar_coalesced_total', { work: 'variant' }) ?? 0;
    expect(value('avatar_cache_misses_total')).toBe(3 + joined + 2 + 1);
    expect(value('avatar_cache_bytes')).toBeGreaterThan(0);
    expect(value('avatar_cache_limit_bytes')).toBeGreaterThan(value('avatar_cache_bytes') ?? 0);
  });

  it('time every stage of every miss', () => {
    for (const [stage, count] of Object.entries({ locate: 5, read: 5, inspect: 4, wait: 4 })) {
      expect(value('avatar_stage_duration_seconds_count', { stage }), stage).toBe(count);
    }
    expect(value('avatar_miss_duration_seconds_count', { outcome: 'rendered' })).toBe(3);
    expect(value('avatar_miss_duration_seconds_count', { outcome: 'refused' })).toBe(1);
  });

  it('count bytes by format: of originals as they were, of pictures as they were sent', async () => {
    const whole = await app.server.inject(PATH);
    const sent = (of: Map<string, Family>): number =>
      of
        .get('avatar_response_bytes_total')
        ?.samples.find(({ labels }) => labels['format'] === 'png')?.value ?? 0;
    expect(sent(await scrape()) - sent(families)).toBe(whole.rawPayload.byteLength);
    expect(value('avatar_response_bytes_total', { format: 'webp' })).toBeGreaterThan(0);
    expect(value('avatar_original_bytes_total', { format: 'other' })).toBe('no picture'.length);
    expect(value('avatar_original_bytes_total', { format: 'png' })).toBeGreaterThan(0);
  });

  it('count the pixels that were rendered, and watch who rendered them', () => {
    expect(value('avatar_rendered_pixels_total')).toBe(3 * 90 * 90);
    expect(value('avatar_renderers_up')).toBe(1);
    expect(value('avatar_renderers_wanted')).toBe(1);
    expect(value('avatar_renderers_resident_memory_bytes')).toBeGreaterThan(10e6);
  });

  it('tell which version runs', () => {
    expect(value('avatar_build_info', { version, node: process.versions.node })).toBe(1);
  });

  it('have no label that clients can fill', async () => {
    const before = labelValues(await scrape());
    for (const path of NOISE) await app.server.inject(path);
    await app.server.inject('/user_avatar/h/u/999999/1.png');
    await app.server.inject('/nowhere/at/all?x=1');
    await app.server.inject({ method: 'DELETE', url: PATH });
    await app.server.inject({ url: PATH, headers: { 'x-request-id': 'made-up' } });
    const after = labelValues(await scrape());
    expect(after.filter((pair) => !before.includes(pair))).toEqual([]);
    expect(after.length).toBeLessThan(150);
  });

  it('do not take numbers from each other, whoever scrapes', async () => {
    await fetch(`${base}${PATH}`);
    const one = await app.metric('avatar_requests_total');
    expect(await app.metric('avatar_requests_total')).toBe(one);
  });
});

function sum(numbers: readonly (number | undefined)[]): number {
  return numbers.reduce<number>((total, number) => total + (number ?? 0), 0);
}
