/** What the dashboard shows. How that is put for Grafana is `model.ts`. */

type Query = {
  readonly expr: string;
  /** Grafana's own template, `{{outcome}}`, or a plain name. */
  readonly legend: string;
};

export type Panel = {
  readonly title: string;
  /** Shown at the panel: how to read it. */
  readonly about: string;
  readonly kind: 'number' | 'lines' | 'areas';
  /** Grafana's name of a unit. */
  readonly unit: 'reqps' | 'ops' | 'percentunit' | 's' | 'Bps' | 'bytes' | 'short' | 'pps';
  readonly queries: readonly Query[];
};

export type Row = { readonly title: string; readonly panels: readonly Panel[] };

/** The series of a metric that were chosen at the top of the dashboard. */
function of(metric: string, matchers = ''): string {
  const more = matchers === '' ? '' : `,${matchers}`;
  return `${metric}{job="$job",instance=~"$instance"${more}}`;
}

function rate(metric: string, matchers?: string): string {
  return `rate(${of(metric, matchers)}[$__rate_interval])`;
}

function total(metric: string, matchers?: string): string {
  return `sum(${rate(metric, matchers)})`;
}

function by(label: string, metric: string, matchers?: string): Query {
  return { expr: `sum by (${label}) (${rate(metric, matchers)})`, legend: `{{${label}}}` };
}

function quantile(share: number, metric: string, label?: string): string {
  const labels = label === undefined ? 'le' : `le, ${label}`;
  return `histogram_quantile(${share}, sum by (${labels}) (${rate(`${metric}_bucket`)}))`;
}

function plain(legend: string, expr: string): Query {
  return { expr, legend };
}

/** Each instance by itself. */
function each(metric: string): Query {
  return { expr: of(metric), legend: '{{instance}}' };
}

const PICTURES = 'outcome!="health"';
const HITS = total('avatar_requests_total', 'outcome="memory"');
const HIT_RATIO = `${HITS} / (${HITS} + ${total('avatar_cache_misses_total')})`;
/** What is refused for lack of room has a panel of its own. */
const FAILED = 'status=~"5..",outcome!~"health|overloaded"';

export const ROWS: readonly Row[] = [
  {
    title: 'At a glance',
    panels: [
      {
        title: 'Instances',
        about: 'Those that Prometheus reaches.',
        kind: 'number',
        unit: 'short',
        queries: [plain('instances', `sum(${of('avatar_build_info')})`)],
      },
      {
        title: 'Requests',
        about: 'All but the probes of balancers.',
        kind: 'number',
        unit: 'reqps',
        queries: [plain('requests', total('avatar_requests_total', PICTURES))],
      },
      {
        title: 'Hit ratio',
        about: 'Pictures that were in memory. Behind a CDN few requests come twice, and it is low.',
        kind: 'number',
        unit: 'percentunit',
        queries: [plain('hits', HIT_RATIO)],
      },
      {
        title: 'Failing',
        about: 'Replies with a status of 5xx, without those refused for lack of room.',
        kind: 'number',
        unit: 'percentunit',
        queries: [
          plain(
            'failing',
            `${total('avatar_requests_total', FAILED)} / ${total('avatar_requests_total', PICTURES)}`,
          ),
        ],
      },
      {
        title: 'Shed',
        about: 'Renders refused because they could only have been late: time for more instances.',
        kind: 'number',
        unit: 'ops',
        queries: [plain('shed', total('avatar_shed_total'))],
      },
      {
        title: 'Slow misses',
        about: 'One miss in twenty takes longer.',
        kind: 'number',
        unit: 's',
        queries: [plain('p95', quantile(0.95, 'avatar_miss_duration_seconds'))],
      },
    ],
  },
  {
    title: 'Requests',
    panels: [
      {
        title: 'By outcome',
        about: 'As in the log: where a picture came from, or the code of the failure.',
        kind: 'areas',
        unit: 'reqps',
        queries: [by('outcome', 'avatar_requests_total', PICTURES)],
      },
      {
        title: 'By status',
        about: 'What clients saw.',
        kind: 'areas',
        unit: 'reqps',
        queries: [by('status', 'avatar_requests_total', PICTURES)],
      },
      {
        title: 'By what is shown',
        about: 'Avatars, and letters or blanks in their place; "none" is no picture.',
        kind: 'areas',
        unit: 'reqps',
        queries: [by('picture', 'avatar_requests_total', PICTURES)],
      },
      {
        title: 'Bytes out',
        about: 'Bodies of pictures, by format.',
        kind: 'areas',
        unit: 'Bps',
        queries: [by('format', 'avatar_response_bytes_total')],
      },
    ],
  },
  {
    title: 'Misses',
    panels: [
      {
        title: 'From request to reply',
        about: 'All that was not in memory, failures included.',
        kind: 'lines',
        unit: 's',
        queries: [0.5, 0.95, 0.99].map((share) =>
          plain(`p${share * 100}`, quantile(share, 'avatar_miss_duration_seconds')),
        ),
      },
      {
        title: 'Where the time goes',
        about: 'Seconds spent in each stage, each second: the tallest is what to work on.',
        kind: 'areas',
        unit: 's',
        queries: [by('stage', 'avatar_stage_duration_seconds_sum')],
      },
      {
        title: 'Slow stages',
        about: 'One in twenty takes longer.',
        kind: 'lines',
        unit: 's',
        queries: [plain('{{stage}}', quantile(0.95, 'avatar_stage_duration_seconds', 'stage'))],
      },
      {
        title: 'Shared work',
        about: 'Requests that joined work under way for others, and cost next to nothing.',
        kind: 'areas',
        unit: 'ops',
        queries: [by('work', 'avatar_coalesced_total')],
      },
    ],
  },
  {
    title: 'Renderers',
    panels: [
      {
        title: 'Queue',
        about: 'Renders waiting and running, and how many can run at once.',
        kind: 'lines',
        unit: 'short',
        queries: [
          plain('waiting', `sum(${of('avatar_renders_waiting')})`),
          plain('running', `sum(${of('avatar_renders_running')})`),
          plain('renderers up', `sum(${of('avatar_renderers_up')})`),
          plain('renderers wanted', `sum(${of('avatar_renderers_wanted')})`),
        ],
      },
      {
        title: 'Oldest in the queue',
        about: 'How long the one who came first has been waiting.',
        kind: 'lines',
        unit: 's',
        queries: [each('avatar_render_queue_oldest_seconds')],
      },
      {
        title: 'Shed by reason',
        about:
          'foreseen: before the original was read. would_be_late, queue_full: at the door. ' +
          'became_late: waited in vain, which should be rare.',
        kind: 'areas',
        unit: 'ops',
        queries: [by('reason', 'avatar_shed_total')],
      },
      {
        title: 'Renders',
        about: 'Variants above renders: several sizes came from one decode.',
        kind: 'lines',
        unit: 'ops',
        queries: [
          plain('renders', total('avatar_render_duration_seconds_count')),
          plain('variants', total('avatar_rendered_variants_total')),
        ],
      },
      {
        title: 'Time of a render',
        about: 'Without its wait.',
        kind: 'lines',
        unit: 's',
        queries: [0.5, 0.95].map((share) =>
          plain(`p${share * 100}`, quantile(share, 'avatar_render_duration_seconds')),
        ),
      },
      {
        title: 'Pixels decoded',
        about: 'Of originals, each second.',
        kind: 'lines',
        unit: 'pps',
        queries: [plain('pixels', total('avatar_rendered_pixels_total'))],
      },
      {
        title: 'Renderers in trouble',
        about:
          'Died, over a picture or without; did not start; pictures refused since they killed two.',
        kind: 'lines',
        unit: 'ops',
        queries: [
          plain('died', total('avatar_renderer_deaths_total')),
          plain('did not start', total('avatar_renderer_failed_starts_total')),
          plain('quarantined', total('avatar_originals_quarantined_total')),
        ],
      },
    ],
  },
  {
    title: 'Originals and the database',
    panels: [
      {
        title: 'Reads by result',
        about: 'What the stores said.',
        kind: 'areas',
        unit: 'ops',
        queries: [by('result', 'avatar_original_reads_total')],
      },
      {
        title: 'Reads by store',
        about: 'In the order of AVATAR_ORIGINALS.',
        kind: 'areas',
        unit: 'ops',
        queries: [by('store', 'avatar_original_reads_total')],
      },
      {
        title: 'Stores in trouble',
        about: '1 for each instance that takes a store to be broken, and asks it last.',
        kind: 'lines',
        unit: 'short',
        queries: [
          {
            expr: `sum by (store) (${of('avatar_original_store_in_trouble')})`,
            legend: '{{store}}',
          },
        ],
      },
      {
        title: 'Reads under way',
        about: 'Waiting ones mean that AVATAR_FETCHES is reached.',
        kind: 'lines',
        unit: 'short',
        queries: [
          plain('running', `sum(${of('avatar_reads_running')})`),
          plain('waiting', `sum(${of('avatar_reads_waiting')})`),
          plain('limit', `sum(${of('avatar_reads_limit')})`),
        ],
      },
      {
        title: 'Bytes in',
        about: 'Of originals, by what they are.',
        kind: 'areas',
        unit: 'Bps',
        queries: [by('format', 'avatar_original_bytes_total')],
      },
      {
        title: 'Passed over',
        about: 'Reads that went to the next store because one was in trouble.',
        kind: 'lines',
        unit: 'ops',
        queries: [by('store', 'avatar_original_fallbacks_total')],
      },
      {
        title: 'Slow reads begun again',
        about: 'By which of the two was first: "hedge" is time saved.',
        kind: 'areas',
        unit: 'ops',
        queries: [by('first', 'avatar_original_hedges_total')],
      },
      {
        title: 'Questions to the database',
        about: 'With Discourse only; answers that are held ask nobody.',
        kind: 'areas',
        unit: 'ops',
        queries: [by('result', 'avatar_directory_lookups_total')],
      },
    ],
  },
  {
    title: 'Shared variants',
    panels: [
      {
        title: 'Look-ups',
        about: 'With AVATAR_VARIANTS: a "hit" is a render saved.',
        kind: 'areas',
        unit: 'ops',
        queries: [by('result', 'avatar_shared_variants_total')],
      },
      {
        title: 'Writes',
        about: 'What was rendered here, for the others. "dropped" is for lack of time.',
        kind: 'areas',
        unit: 'ops',
        queries: [by('result', 'avatar_shared_variant_writes_total')],
      },
      {
        title: 'Writes waiting',
        about: 'Behind the backs of clients.',
        kind: 'lines',
        unit: 'short',
        queries: [each('avatar_shared_variant_writes_waiting')],
      },
    ],
  },
  {
    title: 'Memory and process',
    panels: [
      {
        title: 'Variants in memory',
        about: 'At its limit the least recently asked for leave.',
        kind: 'lines',
        unit: 'bytes',
        queries: [
          plain('in use', `sum(${of('avatar_cache_bytes')})`),
          plain('limit', `sum(${of('avatar_cache_limit_bytes')})`),
        ],
      },
      {
        title: 'Number of variants',
        about: 'In memory.',
        kind: 'lines',
        unit: 'short',
        queries: [each('avatar_cache_entries')],
      },
      {
        title: 'Resident memory',
        about: 'Of the process that listens, and of its renderers together.',
        kind: 'lines',
        unit: 'bytes',
        queries: [
          { expr: of('process_resident_memory_bytes'), legend: '{{instance}}' },
          { expr: of('avatar_renderers_resident_memory_bytes'), legend: '{{instance}} renderers' },
          { expr: of('nodejs_heap_size_used_bytes'), legend: '{{instance}} heap' },
          { expr: of('nodejs_external_memory_bytes'), legend: '{{instance}} buffers' },
        ],
      },
      {
        title: 'CPU of the process that listens',
        about: 'Cores. Renderers not counted: theirs are in "Where the time goes".',
        kind: 'lines',
        unit: 'short',
        queries: [{ expr: rate('process_cpu_seconds_total'), legend: '{{instance}}' }],
      },
      {
        title: 'Event loop',
        about: 'The share of time it was busy.',
        kind: 'lines',
        unit: 'percentunit',
        queries: [{ expr: rate('nodejs_eventloop_active_seconds_total'), legend: '{{instance}}' }],
      },
      {
        title: 'Delays',
        about: 'One timer in a hundred came later; and how long the threads of libuv let wait.',
        kind: 'lines',
        unit: 's',
        queries: [
          plain('event loop p99', quantile(0.99, 'nodejs_eventloop_delay_seconds')),
          plain('thread pool', `max(${of('nodejs_threadpool_wait_seconds')})`),
        ],
      },
      {
        title: 'File descriptors',
        about: 'Open ones, as a share of those allowed.',
        kind: 'lines',
        unit: 'percentunit',
        queries: [
          {
            expr: `${of('process_open_fds')} / ${of('process_max_fds')}`,
            legend: '{{instance}}',
          },
        ],
      },
      {
        title: 'Connections turned away',
        about: 'There were as many as may be. More than 0: somebody opens them without end.',
        kind: 'lines',
        unit: 'ops',
        queries: [plain('connections', total('avatar_connections_dropped_total'))],
      },
      {
        title: 'Lines of the log lost',
        about:
          'Nobody reads the standard output, or its disk is full. More than 0: what is done is not known.',
        kind: 'lines',
        unit: 'ops',
        queries: [plain('lines', total('avatar_log_lines_dropped_total'))],
      },
      {
        title: 'Up since',
        about: 'How long each instance has been running.',
        kind: 'lines',
        unit: 's',
        queries: [{ expr: `time() - ${of('process_start_time_seconds')}`, legend: '{{instance}}' }],
      },
      {
        title: 'Versions',
        about: 'How many instances run which.',
        kind: 'areas',
        unit: 'short',
        queries: [
          {
            expr: `sum by (version, node) (${of('avatar_build_info')})`,
            legend: '{{version}}, Node {{node}}',
          },
        ],
      },
    ],
  },
];
