import { setTimeout as sleep } from 'node:timers/promises';
import { AvatarError } from '../errors.ts';
import type { Underway } from '../flow/underway.ts';
import type { OwnTime } from './own-time.ts';
import { RenderProcess, type RendererDied } from './process.ts';
import type { Frame, RendererMessage, RenderOrder } from './protocol.ts';

export type WorkerSlotLimits = {
  /** A renderer above this dies. */
  readonly memoryCapBytes: number;
  /** A renderer above this after its work is replaced: what malloc keeps is not given back. */
  readonly memoryKeptBytes: number;
  readonly rendersPerProcess: number;
  /** A renderer that is not up by then is given up. */
  readonly startMs: number;
};

/** What becomes of renderers that have no picture at the moment. */
export type WorkerSlotEvents = {
  /** A renderer did not come up; another start follows. */
  failedStart(reason: unknown): void;
  /** A renderer died between two orders; another is started. */
  diedIdle(error: RendererDied): void;
};

/** A picture that was killed after less is not to blame: its turn came just before its deadline. */
const SUSPICIOUS_MS = 1000;

/** A renderer whose time was up. */
export class RenderKilled extends AvatarError {
  /** If not, a busy machine or a close deadline is to blame: the picture may be as good as any. */
  readonly isOwnDoing: boolean;

  constructor({ elapsedMs, ms }: Pick<OwnTime, 'elapsedMs' | 'ms'>) {
    const [elapsed, own] = [elapsedMs, ms].map(Math.round);
    super('render_timeout', { detail: `killed after ${elapsed} ms, ${own} of them its own doing` });
    this.isOwnDoing = ms >= Math.max(SUSPICIOUS_MS, elapsedMs / 3);
  }
}

/** The pause between attempts to start a renderer that does not come up. */
const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 5000;

/**
 * One worker of the pool, whichever process does its work. Orders go to the renderer in service. When
 * there is none, or it has done enough, another is started, never two at a time, and is in service as soon
 * as it is up, whatever has become of the one before.
 */
export class WorkerSlot {
  readonly #limits: WorkerSlotLimits;
  readonly #underway: Underway;
  readonly #events: WorkerSlotEvents;
  /** All its processes: in service, coming up, or at their last order. */
  readonly #renderers = new Set<RenderProcess>();
  #inService: RenderProcess | undefined;
  /** What orders wait for while none is in service. */
  #nextInService = nextOne();
  #isOneComingUp = false;
  /** How many the one in service has done. */
  #renders = 0;
  #isClosed = false;

  /** @param underway counts each order */
  constructor(limits: WorkerSlotLimits, underway: Underway, events: WorkerSlotEvents) {
    this.#limits = limits;
    this.#underway = underway;
    this.#events = events;
    void this.#bringUpOne();
  }

  /**
   * Gives the order to this slot's renderer and kills it when the reply does not come in time.
   * @param begins called when there is a renderer to give it to
   * @throws RenderKilled; RendererDied; AvatarError `render_timeout`, `shutting_down`
   */
  async render(
    order: RenderOrder,
    original: Buffer | undefined,
    limitMs: number,
    begins: () => void = () => {},
  ): Promise<Buffer[]> {
    const { promise: timeUp, reject } = Promise.withResolvers<never>();
    let renderer: RenderProcess | undefined;
    const timer = setTimeout(() => {
      const ownTime = renderer?.ownTime;
      const error =
        ownTime === undefined
          ? new AvatarError('render_timeout', { detail: 'no renderer was up in time' })
          : new RenderKilled(ownTime);
      renderer?.kill();
      reject(error);
    }, limitMs);
    try {
      renderer = this.#inService ?? (await Promise.race([this.#nextInService.promise, timeUp]));
      begins();
      const frame = await Promise.race([renderer.render(order, original), timeUp]);
      return this.#accept(frame, renderer);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The process ids of all its renderers, the one in service first. */
  get pids(): number[] {
    const serving = [...this.#renderers].filter((each) => each === this.#inService);
    const others = [...this.#renderers].filter((each) => each !== this.#inService);
    return [...serving, ...others].map(({ pid }) => pid).filter((pid) => pid !== undefined);
  }

  /** Whether a renderer is there to take orders. */
  get isUp(): boolean {
    return this.#inService !== undefined;
  }

  /** Resolves when the renderers are gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#inService = undefined;
    const closed = new AvatarError('shutting_down');
    this.#nextInService.reject(closed);
    // Orders that come from now on fail too: the promise before may have been resolved long ago.
    this.#nextInService = nextOne();
    this.#nextInService.reject(closed);
    for (const each of this.#renderers) each.kill();
    await Promise.all(Array.from(this.#renderers, ({ ended }) => ended));
  }

  #accept({ message, body }: Frame<RendererMessage>, renderer: RenderProcess): Buffer[] {
    switch (message.kind) {
      case 'done':
        this.#count(renderer, message.rssBytes);
        return parts(body, message.lengths);
      case 'refused':
        throw new AvatarError('original_corrupt', { detail: message.reason });
      case 'failed':
        throw new AvatarError('internal', { detail: `a renderer failed: ${message.reason}` });
      case 'too_slow':
        throw new AvatarError('animation_too_slow', { detail: message.reason });
      case 'ready':
      case 'too_much_memory':
        throw new AvatarError('internal', { detail: `a renderer replied "${message.kind}"` });
    }
  }

  #count(renderer: RenderProcess, rssBytes: number): void {
    // It was relieved in the middle of this order: what it reports does not count for the next one.
    if (renderer !== this.#inService) return;
    this.#renders += 1;
    const hasDoneEnough = this.#renders >= this.#limits.rendersPerProcess;
    if (hasDoneEnough || rssBytes > this.#limits.memoryKeptBytes) void this.#bringUpOne();
  }

  /** Tries until a renderer is up, after a longer pause each time that none comes up. */
  async #bringUpOne(): Promise<void> {
    if (this.#isOneComingUp) return;
    this.#isOneComingUp = true;
    for (let failures = 0; !this.#isClosed; failures += 1) {
      try {
        const renderer = await this.#start();
        this.#isOneComingUp = false;
        this.#putInService(renderer);
        return;
      } catch (reason) {
        if (!this.#isClosed) this.#events.failedStart(reason);
        await sleep(backoffMs(failures), undefined, { ref: false });
      }
    }
  }

  async #start(): Promise<RenderProcess> {
    const { memoryCapBytes } = this.#limits;
    const renderer = new RenderProcess(memoryCapBytes, this.#underway, (error) =>
      this.#events.diedIdle(error),
    );
    this.#renderers.add(renderer);
    void renderer.ended.then(() => this.#renderers.delete(renderer));
    const timer = setTimeout(() => renderer.kill(), this.#limits.startMs);
    try {
      await renderer.ready;
      return renderer;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The previous renderer finishes its current order, then exits. */
  #putInService(renderer: RenderProcess): void {
    if (this.#isClosed) return;
    this.#inService?.retire();
    this.#inService = renderer;
    this.#renders = 0;
    this.#nextInService.resolve(renderer);
    void renderer.unusable.then(() => this.#relieve(renderer));
  }

  /** From now on orders wait for the next one. */
  #relieve(renderer: RenderProcess): void {
    if (renderer !== this.#inService) return;
    this.#inService = undefined;
    this.#nextInService = nextOne();
    void this.#bringUpOne();
  }
}

function nextOne(): PromiseWithResolvers<RenderProcess> {
  const next = Promise.withResolvers<RenderProcess>();
  // Nobody may be waiting when the slot is closed.
  next.promise.catch(() => undefined);
  return next;
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

function backoffMs(failures: number): number {
  return Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** failures);
}
