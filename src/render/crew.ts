import { AvatarError } from '../errors.ts';
import { Underway } from '../flow/underway.ts';
import { RendererDied } from './process.ts';
import type { RenderOrder } from './protocol.ts';
import { Quarantine } from './quarantine.ts';
import { RenderKilled, Seat } from './seat.ts';

/** What an operator is told of. */
export type RendererEvents = {
  /** So many variants in one go, from an original of so many pixels; a letter has none. */
  rendered(variants: number, ms: number, pixels: number): void;
  /** A renderer died or was killed over this picture. */
  died(identity: string, error: unknown): void;
  /** This picture has done so twice and is refused from now on. */
  quarantined(identity: string): void;
  /** A renderer did not come up; another start follows. */
  failedStart(reason: unknown): void;
};

type Work = {
  readonly order: RenderOrder;
  readonly body: Buffer | undefined;
  /** Of the original. */
  readonly pixels: number;
  /** Which picture this is, for blaming it when a renderer dies. */
  readonly identity: string;
  /** On the clock of `performance.now()`. */
  readonly dueAt: number;
  /** Called when a renderer sets about it. */
  readonly begins: () => void;
};

/**
 * The longest that one decode of a picture may hold a renderer. The slowest that passes the header
 * check, an interlaced 16-bit PNG of 50 megapixels, takes 3.3 s on a slow core.
 */
const RENDER_LIMIT_MS = 6000;

const SEAT_LIMITS = {
  /** The most any picture within the limits was seen to take is 490 MB, the process itself 60. */
  memoryCapBytes: 640e6,
  /** Seen after an order: during the next one it may take ten more. */
  memoryKeptBytes: 140e6,
  rendersPerProcess: 5000,
  /** A hundred times what it takes a core that has nothing else to do. */
  startMs: 30_000,
};

/**
 * The renderers, and who of them is free. One that dies costs its own picture a second try, and no
 * other; a picture over which two die is refused.
 */
export class Crew {
  readonly #quarantine = new Quarantine();
  readonly #underway = new Underway();
  readonly #seats: readonly Seat[];
  readonly #free: Seat[];
  readonly #events: RendererEvents;
  #isClosed = false;

  constructor(renderers: number, events: RendererEvents) {
    this.#seats = Array.from(
      { length: renderers },
      () => new Seat(SEAT_LIMITS, this.#underway, (reason) => events.failedStart(reason)),
    );
    this.#free = [...this.#seats];
    this.#events = events;
  }

  /** Renderers ready to work, or at it. */
  get up(): number {
    return this.#seats.filter((seat) => seat.isUp).length;
  }

  /** How long the oldest order has been with a renderer that neither answers nor ends. */
  get oldestMs(): number {
    return this.#underway.oldestMs;
  }

  /** Of the renderers, for those who watch or harm them. */
  get pids(): number[] {
    return this.#seats.flatMap((seat) => seat.pids);
  }

  /**
   * Whether a renderer was killed lately over this picture, be it together with what else was ordered of
   * it: until a render succeeds, each has to be ordered by itself, so that it shows what is to blame.
   */
  suspects(identity: string): boolean {
    return this.#quarantine.suspects(identity);
  }

  /** @throws AvatarError `original_quarantined`, when this picture has killed too many of them */
  check(identity: string): void {
    this.#quarantine.check(identity);
  }

  /**
   * Has the work done by a renderer that is free: no more may be given at once than there are.
   * @returns the variants, in the order's own order
   * @throws AvatarError `original_quarantined`, and as `Seat.render` does; RendererDied
   */
  async work(work: Work): Promise<Buffer[]> {
    try {
      return await this.#workOnce(work);
    } catch (error) {
      if (!(error instanceof RendererDied)) throw error;
      this.#quarantine.check(work.identity);
    }
    // That death may have been an accident; after a second one the picture is in quarantine.
    try {
      return await this.#workOnce(work);
    } catch (error) {
      this.#quarantine.check(work.identity);
      throw error;
    }
  }

  /** Resolves when the renderers are gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#seats.map((seat) => seat.close()));
  }

  async #workOnce({ order, body, pixels, identity, dueAt, begins }: Work): Promise<Buffer[]> {
    const leftMs = dueAt - performance.now();
    // No renderer is to be killed for that. Whoever has joined and has time left tries again.
    if (leftMs <= 0) throw new AvatarError('render_timeout', { detail: 'due before its turn' });
    const limitMs = Math.min(leftMs, RENDER_LIMIT_MS * decodesOf(order));
    const seat = this.#takeSeat();
    let begunAt = 0;
    try {
      const variants = await seat.render(order, body, limitMs, () => {
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
      this.#free.push(seat);
    }
  }

  /** The last free one that has a renderer; where none has, the last one. */
  #takeSeat(): Seat {
    const index = this.#free.findLastIndex(({ isUp }) => isUp);
    const [seat] = this.#free.splice(index, 1);
    if (seat === undefined) throw new AvatarError('internal', { detail: 'no seat is free' });
    return seat;
  }

  #blame(identity: string, order: RenderOrder, error: unknown): void {
    const isKill = error instanceof RenderKilled;
    // Who waited in vain for a renderer to start has harmed none; nor has the one that is closed.
    if (this.#isClosed || (!(error instanceof RendererDied) && !isKill)) return;
    this.#events.died(identity, error);
    if (isKill && !error.isOwnDoing) return;
    if (isKill && variantsOf(order) > 1) {
      // Each may have taken its time, and how many there are is for those to say who ask.
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
