import { randomFill } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** A scrape waits no longer for a pool that is stuck. */
const PATIENCE_MS = 200;

/**
 * How busy the threads of libuv's pool are, which look up host names and read files: the time a task
 * takes that needs next to none. Node counts neither the threads at work nor the tasks that wait.
 */
export class ThreadPoolProbe {
  readonly #task = Buffer.alloc(1);
  #startedAt: number | undefined;
  #tookMs = 0;
  #done = Promise.resolve();

  /** Seconds; of a task that still waits, those until now. */
  async measure(): Promise<number> {
    if (this.#startedAt === undefined) this.#start();
    await Promise.race([this.#done, sleep(PATIENCE_MS, undefined, { ref: false })]);
    const ms = this.#startedAt === undefined ? this.#tookMs : performance.now() - this.#startedAt;
    return ms / 1000;
  }

  #start(): void {
    const startedAt = performance.now();
    this.#startedAt = startedAt;
    this.#done = new Promise((resolve) => {
      randomFill(this.#task, () => {
        this.#tookMs = performance.now() - startedAt;
        this.#startedAt = undefined;
        resolve();
      });
    });
  }
}
