/**
 * What every process tells of itself, under the names Prometheus' client libraries agree on. Read when
 * somebody scrapes: the default collectors of prom-client observe every garbage collection and sample
 * the event loop a hundred times a second, which costs a tenth of the hit path. Nothing counts from
 * scrape to scrape, so that several can watch without taking numbers from each other.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { Histogram, type Registry } from 'prom-client';
import { readCounter, readGauge, SECONDS } from './instruments.ts';
import { ThreadPoolProbe } from './thread-pool.ts';

/** How often the event loop is looked at. */
const LOOP_EVERY_MS = 100;
/** libuv's own default. */
const THREADS = 4;

/** @returns how to stop watching */
export function registerProcessMetrics(registry: Registry): () => void {
  const gauge = (name: string, help: string, read: () => number | Promise<number>): void =>
    readGauge(registry, { name, help, read });
  const counter = (name: string, help: string, read: () => number): void =>
    readCounter(registry, { name, help, read });
  const pool = new ThreadPoolProbe();

  counter('process_cpu_seconds_total', 'User and system CPU time', cpuSeconds);
  gauge('process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss());
  gauge('process_start_time_seconds', 'Start since the epoch', () => performance.timeOrigin / 1000);
  gauge('process_open_fds', 'Open file descriptors', openDescriptors);
  gauge('process_max_fds', 'File descriptors that may be open', mostDescriptors);
  gauge('nodejs_heap_size_used_bytes', 'V8 heap in use', () => process.memoryUsage().heapUsed);
  gauge('nodejs_external_memory_bytes', 'Buffers', () => process.memoryUsage().external);
  counter(
    'nodejs_eventloop_active_seconds_total',
    'Time the event loop was busy',
    () => performance.eventLoopUtilization().active / 1000,
  );
  gauge('nodejs_threadpool_threads', 'Threads of the pool of libuv', () =>
    Number(process.env['UV_THREADPOOL_SIZE'] ?? THREADS),
  );
  gauge(
    'nodejs_threadpool_wait_seconds',
    'How long a small task for the pool of libuv takes: long when all of its threads are busy',
    () => pool.measure(),
  );
  return watchEventLoop(registry);
}

function watchEventLoop(registry: Registry): () => void {
  const delay = new Histogram({
    name: 'nodejs_eventloop_delay_seconds',
    help: 'How late a timer came, looked at ten times a second',
    buckets: SECONDS,
    registers: [registry],
  });
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    delay.observe(Math.max(0, now - last - LOOP_EVERY_MS) / 1000);
    last = now;
  }, LOOP_EVERY_MS).unref();
  return () => clearInterval(timer);
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function openDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    // Not Linux.
    return Number.NaN;
  }
}

function mostDescriptors(): number {
  return Number(linuxFile('/proc/self/limits', /^Max open files +(?<value>\d+)/m));
}

/** Resident memory of other processes. */
export function residentBytes(pids: readonly number[]): number {
  let kilobytes = 0;
  // Of one that has ended meanwhile there is nothing to add.
  for (const pid of pids) {
    kilobytes += Number(linuxFile(`/proc/${pid}/status`, /^VmRSS:\s+(?<value>\d+)/m) ?? 0);
  }
  return kilobytes * 1024;
}

/** @returns undefined when there is no such file, as where this is not Linux */
function linuxFile(file: string, pattern: RegExp): string | undefined {
  try {
    return pattern.exec(readFileSync(file, 'utf8'))?.groups?.['value'];
  } catch {
    return undefined;
  }
}
