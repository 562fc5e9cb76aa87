import { setTimeout as sleep } from 'node:timers/promises';
import { AvatarError } from '../errors.ts';
import type { Underway } from '../flow/underway.ts';
import { RenderProcess } from './process.ts';
import type { Frame, RendererMessage, RenderOrder } from './protocol.ts';

export type SeatLimits = {
  /** A renderer above this dies. */
  readonly memoryCapBytes: number;
  /** A renderer above this after its work is replaced: what malloc keeps is not given back. */
  readonly memoryKeptBytes: number;
  readonly rendersPerProcess: number;
};

/** Between attempts to start a renderer that does not come up. */
const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 5000;

/**
 * A place in the pool that always has a renderer or is about to: starts one, replaces it in the
 * background when it has done enough, and starts another when it dies.
 */
export class Seat {
  readonly #limits: SeatLimits;
  readonly #underway: Underway;
  readonly #onFailedStart: (reason: unknown) => void;
  #process: RenderProcess;
  #successor: RenderProcess | undefined;
  #renders = 0;
  #failedStarts = 0;
  #closed = false;
  #usable = Promise.withResolvers<RenderProcess>();
  /** Whom `#usable` gives, once it gives one. */
  #inService: RenderProcess | undefined;

  /**
   * @param underway told of each order
   * @param onFailedStart told of renderers that could not be started
   */
  constructor(limits: SeatLimits, underway: Underway, onFailedStart: (reason: unknown) => void) {
    this.#limits = limits;
    this.#underway = underway;
    this.#onFailedStart = onFailedStart;
    this.#process = this.#start();
  }

  /**
   * Gives the order to this seat's renderer and kills it when the reply does not come in time.
   * @param begins called when there is a renderer to give it to
   * @throws AvatarError `render_timeout`; RendererDied
   */
  async render(
    order: RenderOrder,
    original: Buffer | undefined,
    limitMs: number,
    begins: () => void = () => {},
  ): Promise<Buffer[]> {
    const { promise: timeUp, reject } = Promise.withResolvers<never>();
    let running: RenderProcess | undefined;
    const timer = setTimeout(() => {
      if (running !== undefined) this.#dismiss(running);
      reject(new AvatarError('render_timeout', { detail: `killed after ${limitMs} ms` }));
    }, limitMs);
    try {
      running = await Promise.race([this.#usable.promise, timeUp]);
      begins();
      const frame = await Promise.race([running.render(order, original), timeUp]);
      return this.#accept(frame);
    } finally {
      clearTimeout(timer);
    }
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Whether a renderer is there to take orders. */
  get isUp(): boolean {
    return this.#inService !== undefined;
  }

  /** Resolves when the renderers are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#usable.promise.catch(() => undefined);
    this.#usable.reject(new AvatarError('shutting_down'));
    const processes = [this.#process, this.#successor].filter((each) => each !== undefined);
    for (const each of processes) each.kill();
    await Promise.all(processes.map((each) => each.ended));
  }

  #accept({ message, body }: Frame<RendererMessage>): Buffer[] {
    switch (message.kind) {
      case 'done':
        this.#renders += 1;
        if (
          this.#renders >= this.#limits.rendersPerProcess ||
          message.rssBytes > this.#limits.memoryKeptBytes
        ) {
          this.#replace();
        }
        return parts(body, message.lengths);
      case 'refused':
        throw new AvatarError('original_corrupt', { detail: message.reason });
      case 'ready':
      case 'too_much_memory':
        throw new AvatarError('internal', { detail: `a renderer replied "${message.kind}"` });
    }
  }

  #start(): RenderProcess {
    const started = new RenderProcess(this.#limits.memoryCapBytes, this.#underway);
    void this.#watch(started);
    return started;
  }

  /** The life of a renderer: ready, used, ended, followed by the next one. */
  async #watch(renderer: RenderProcess): Promise<void> {
    try {
      await renderer.ready;
      this.#failedStarts = 0;
      this.#inService = renderer;
      this.#usable.resolve(renderer);
      await renderer.ended;
    } catch (reason) {
      this.#failedStarts += 1;
      if (!this.#closed) this.#onFailedStart(reason);
    }
    // Relieved by its successor, or the whole pool closes: nothing to restart.
    if (this.#closed || renderer !== this.#process) return;
    this.#relieve(renderer);
    this.#renders = 0;
    await sleep(backoffMs(this.#failedStarts), undefined, { ref: false });
    if (!this.#closed) this.#process = this.#start();
  }

  /** Kills it. What it may still have said belongs to an order nobody waits for. */
  #dismiss(renderer: RenderProcess): void {
    this.#relieve(renderer);
    renderer.kill();
  }

  /** From now on orders wait for the next one. */
  #relieve(renderer: RenderProcess): void {
    if (this.#inService !== renderer) return;
    this.#inService = undefined;
    this.#usable = Promise.withResolvers();
  }

  /** The next one is started beside the old one, which works on until it can be relieved. */
  #replace(): void {
    if (this.#successor !== undefined) return;
    const successor = new RenderProcess(this.#limits.memoryCapBytes, this.#underway);
    this.#successor = successor;
    successor.ready.then(
      () => {
        const retired = this.#process;
        this.#successor = undefined;
        this.#process = successor;
        this.#renders = 0;
        this.#relieve(retired);
        void this.#watch(successor);
        retired.retire();
      },
      (reason: unknown) => {
        this.#successor = undefined;
        if (!this.#closed) this.#onFailedStart(reason);
      },
    );
  }
}

/** @throws AvatarError `internal`, when the lengths are not those of the body */
function parts(body: Buffer, lengths: readonly number[]): Buffer[] {
  let from = 0;
  const variants = lengths.map((length) => body.subarray(from, (from += length)));
  if (from !== body.byteLength) {
    throw new AvatarError('internal', { detail: 'a renderer’s reply does not add up' });
  }
  return variants;
}

/** None after a death in service; else doubling with each start that failed. */
function backoffMs(failedStarts: number): number {
  if (failedStarts === 0) return 0;
  return Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failedStarts - 1));
}
