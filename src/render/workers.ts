import { AvatarError } from '../errors.ts';
import { Underway } from '../flow/underway.ts';
import { RendererDied } from './process.ts';
import type { RenderOrder } from './protocol.ts';
import { Quarantine } from './quarantine.ts';
import { RenderKilled, WorkerSlot, type WorkerSlotEvents } from './worker-slot.ts';

/** What an operator hears of renderers. */
export type RendererEvents = WorkerSlotEvents & {
  /** So many variants were made in one go, of an original of so many pixels; a letter has none. */
  rendered(variants: number, ms: number, pixels: number): void;
  /** A renderer died or was killed over this picture. */
  died(identity: string, error: unknown): void;
  /** This picture has done so twice and is refused from now on. */
  quarantined(identity: string): void;
};

type Work = {
  readonly order: RenderOrder;
  readonly body: Buffer | undefined;
  /** How many the original has. */
  readonly pixels: number;
  /** Names the picture, which is blamed when a renderer dies over it. */
  readonly identity: string;
  /** When the answer is due, on the clock of `performance.now()`. */
  readonly dueAt: number;
  /** Called when a renderer sets about it. */
  readonly begins: () => void;
};

/**
 * The longest that one decode of a picture may hold a renderer. The slowest that passes the header
 * check, an interlaced 16-bit PNG of 50 megapixels, takes 3.3 s on a slow core.
 */
const RENDER_LIMIT_MS = 6000;

const SLOT_LIMITS = {
  /** The most any picture within the limits was seen to take is 490 MB, the process itself 60. */
  memoryCapBytes: 640e6,
  /** Measured after an order: during the next one a renderer may take 10 MB more. */
  memoryKeptBytes: 140e6,
  rendersPerProcess: 5000,
  /** A hundred times what it takes a core that has nothing else to do. */
  startMs: 30_000,
};

/**
 * The renderers as workers: a slot for each, and which slots are free. A renderer that dies costs its own
 * picture a second try, and no other picture anything; one over which two die is refused.
 */
export class Workers {
  readonly #quarantine = new Quarantine();
  readonly #underway = new Underway();
  readonly #slots: readonly WorkerSlot[];
  readonly #free: WorkerSlot[];
  readonly #events: RendererEvents;
  #isClosed = false;

  constructor(renderers: number, events: RendererEvents) {
    this.#slots = Array.from(
      { length: renderers },
      () => new WorkerSlot(SLOT_LIMITS, this.#underway, events),
    );
    this.#free = [...this.#slots];
    this.#events = events;
  }

  /** Renderers ready to work, or at it. */
  get up(): number {
    return this.#slots.filter((slot) => slot.isUp).length;
  }

  /** How long the oldest order has been with a renderer that neither answers nor ends. */
  get oldestMs(): number {
    return this.#underway.oldestMs;
  }

  /** The renderers' process ids, for those who watch or harm them. */
  get pids(): number[] {
    return this.#slots.flatMap((slot) => slot.pids);
  }

  /**
   * Whether a renderer was killed lately over this picture, be it together with what else was ordered of
   * it: until a render succeeds, each has to be ordered by itself, so that it shows what is to blame.
   */
  suspects(identity: string): boolean {
    return this.#quarantine.suspects(identity);
  }

  /** @throws AvatarError as `Quarantine.check` does, when this picture has killed too many of them */
  check(identity: string): void {
    this.#quarantine.check(identity);
  }

  /**
   * Gives the work to a free renderer: no more may be given at once than there are.
   * @returns the variants, in the order's own order
   * @throws AvatarError as `check` and `WorkerSlot.render` do; RendererDied
   */
  async run(work: Work): Promise<Buffer[]> {
    try {
      return await this.#runOnce(work);
    } catch (error) {
      if (!(error instanceof RendererDied)) throw error;
      this.#quarantine.check(work.identity);
    }
    // That death may have been an accident; after a second one the picture is in quarantine.
    try {
      return await this.#runOnce(work);
    } catch (error) {
      this.#quarantine.check(work.identity);
      throw error;
    }
  }

  /** Resolves when the renderers are gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#slots.map((slot) => slot.close()));
  }

  async #runOnce({ order, body, pixels, identity, dueAt, begins }: Work): Promise<Buffer[]> {
    const leftMs = dueAt - performance.now();
    // No renderer is to be killed for that. Whoever has joined and has time left tries again.
    if (leftMs <= 0) throw new AvatarError('render_timeout', { detail: 'due before its turn' });
    const limitMs = Math.min(leftMs, RENDER_LIMIT_MS * decodesOf(order));
    const slot = this.#takeSlot();
    let begunAt = 0;
    try {
      const variants = await slot.render(order, body, limitMs, () => {
        begunAt = performance.now();
        begins();
      });
      this.#quarantine.absolve(identity);
      this.#events.rendered(variants.length, performance.now() - begunAt, pixels);
      return variants;
    } catch (error) {
      this.#blame(identity, order, error);
      throw error;
    } finally {
      this.#free.push(slot);
    }
  }

  /** Takes the last free slot that has a renderer, or where none has one, the last free slot. */
  #takeSlot(): WorkerSlot {
    const index = this.#free.findLastIndex(({ isUp }) => isUp);
    const [slot] = this.#free.splice(index, 1);
    if (slot === undefined) throw new AvatarError('internal', { detail: 'no worker slot is free' });
    return slot;
  }

  #blame(identity: string, order: RenderOrder, error: unknown): void {
    const isKill = error instanceof RenderKilled;
    // Nobody is to blame where no renderer had started in time, or where it is being closed.
    if (this.#isClosed || (!(error instanceof RendererDied) && !isKill)) return;
    this.#events.died(identity, error);
    if (isKill && !error.isOwnDoing) return;
    if (error instanceof RendererDied && error.isForMemory) {
      this.#quarantine.spare(identity);
      return;
    }
    if (isKill && variantsOf(order) > 1) {
      // Together they may just have been too many, and clients decide how many there are.
      this.#quarantine.suspect(identity);
      return;
    }
    if (this.#quarantine.strike(identity)) this.#events.quarantined(identity);
  }
}

/** How often the original is decoded; a letter is drawn once. */
function decodesOf(order: RenderOrder): number {
  return order.kind === 'picture' && order.square !== undefined ? 1 : variantsOf(order);
}

function variantsOf(order: RenderOrder): number {
  return order.kind === 'letter' ? 1 : order.variants.length;
}
