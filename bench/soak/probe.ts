/** Loaded into the HTTP process before the service: tells, once a second, what only it can know. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

export type Probed = {
  /** The longest the event loop was late by in that second. */
  readonly loopMs: number;
  readonly timers: number;
  /** Sockets, requests to the file system, processes: whatever keeps the process alive. */
  readonly resources: number;
};

const EVERY_MS = 1000;

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
process.channel?.unref();
setInterval(() => {
  const resources = process.getActiveResourcesInfo();
  const probed: Probed = {
    loopMs: delay.max / 1e6,
    timers: resources.filter((name) => name === 'Timeout').length,
    resources: resources.length,
  };
  delay.reset();
  process.send?.(probed);
}, EVERY_MS).unref();
