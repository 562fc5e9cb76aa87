import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Format, isMoving } from '../avatar/formats.ts';
import type { InspectedOriginal, LetterJob, Renderer, RenderJob } from '../avatar/ports.ts';
import { AvatarError } from '../errors.ts';
import { Admission, type ShedReason } from '../flow/admission.ts';
import type { Turn } from '../flow/fair-queue.ts';
import { Underway } from '../flow/underway.ts';
import { type Batch, Batches } from './batches.ts';
import { RendererDied } from './process.ts';
import type { RenderOrder, VariantOrder } from './protocol.ts';
import { Quarantine } from './quarantine.ts';
import { sharedSquare } from './shared-decode.ts';
import { RenderKilled, Seat } from './seat.ts';

export type PoolSettings = {
  /** Renderers, and so pictures in flight. */
  readonly renderers: number;
  /** What all pictures in flight together may hold decoded. */
  readonly decodedBytes: number;
  /**
   * Whether all that waits for the same original goes to a renderer in one order, even where each variant
   * has a decode of its own. An order costs 2 ms in which the renderer waits: good where nobody else does,
   * while visitors' variants are better spread over the renderers.
   */
  readonly inSets?: boolean;
};

/** What an operator is told of. */
export type PoolEvents = {
  /** So many variants in one go, from an original of so many pixels; a letter has none. */
  rendered(variants: number, ms: number, pixels: number): void;
  /** A renderer died or was killed over this picture. */
  died(identity: string, error: unknown): void;
  /** This picture has done so twice and is refused from now on. */
  quarantined(identity: string): void;
  /** A renderer did not come up; another start follows. */
  failedStart(reason: unknown): void;
};

/**
 * The longest that one decode of a picture may hold a renderer. The slowest that passes the header check, an interlaced
 * 16-bit PNG of 50 megapixels, takes 3.3 s on a slow core.
 */
const RENDER_LIMIT_MS = 6000;
/** The most any picture within the limits was seen to take is 490 MB, the process itself 60. */
const MEMORY_CAP_BYTES = 640e6;
const MEMORY_KEPT_BYTES = 150e6;
const RENDERS_PER_PROCESS = 5000;
/** A hundred times what it takes a core that has nothing else to do. */
const START_MS = 30_000;

/** Pixels, mask and outlines of the largest letter. */
const LETTER_BYTES = 8e6;

type Work = {
  readonly order: RenderOrder;
  readonly body: Buffer | undefined;
  /** Of the original. */
  readonly pixels: number;
  /** How often it is decoded; a letter is drawn once. */
  readonly decodes: number;
  /** Told when a renderer sets about it. */
  readonly begins: () => void;
};

/** Renderers in child processes. One that dies costs its own picture a second try, and no other. */
export class RenderPool implements Renderer {
  readonly #admission: Admission;
  readonly #quarantine = new Quarantine();
  readonly #batches = new Batches();
  readonly #underway = new Underway();
  readonly #seats: Seat[];
  readonly #free: Seat[];
  readonly #inSets: boolean;
  readonly #events: PoolEvents;

  constructor(settings: PoolSettings, events: PoolEvents) {
    const limits = {
      memoryCapBytes: MEMORY_CAP_BYTES,
      memoryKeptBytes: MEMORY_KEPT_BYTES,
      rendersPerProcess: RENDERS_PER_PROCESS,
      startMs: START_MS,
    };
    this.#admission = new Admission({
      slots: settings.renderers,
      budgetBytes: settings.decodedBytes,
    });
    this.#seats = Array.from(
      { length: settings.renderers },
      () => new Seat(limits, this.#underway, (reason) => events.failedStart(reason)),
    );
    this.#free = [...this.#seats];
    this.#inSets = settings.inSets ?? false;
    this.#events = events;
  }

  get running(): number {
    return this.#admission.running;
  }

  get waiting(): number {
    return this.#admission.waiting;
  }

  /** How long the one who came first has been waiting for a renderer. */
  get oldestWaitMs(): number {
    return this.#admission.oldestWaitMs;
  }

  get shed(): Readonly<Record<ShedReason, number>> {
    return this.#admission.shed;
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

  reserve(turn: Turn, dueAt: number): Disposable {
    return this.#admission.reserve(turn, dueAt);
  }

  async render(job: RenderJob, signal: AbortSignal): Promise<Buffer> {
    const { original, size, format, identity } = job;
    this.#quarantine.check(identity);
    const square = isMoving(format) ? undefined : sharedSquare(original, size);
    const order = { size, format };
    if (isMoving(format) || (square === undefined && !this.#inSets)) {
      const takeOrders = (): readonly VariantOrder[] => {
        job.onTurn?.();
        return [order];
      };
      const [variant] = await this.#renderPicture(job, takeOrders, undefined, signal);
      return complete(variant);
    }
    const name = `${square ?? 'each'} ${identity}`;
    const { batch, isNew } = this.#batches.find(name);
    if (isNew) void this.#renderBatch(name, batch, job, square);
    return await batch.join(order, signal, job.onTurn);
  }

  async draw(
    { letter, format, site, client, dueAt, onTurn }: LetterJob,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const order = { kind: 'letter', ...letter, format } as const;
    const user = `letter ${letter.letter}`;
    const turn = { site, client, user };
    const ticket = { ...turn, dueAt, signal, costClass: 'letter', bytes: LETTER_BYTES };
    // A letter's shape does no harm: only what kills renderers by accident is feared.
    const identity = `letter ${JSON.stringify(letter)}`;
    const [variant] = await this.#admission.run(ticket, (begins) => {
      onTurn?.();
      return this.#workTwice(
        { order, body: undefined, pixels: 0, decodes: 1, begins },
        identity,
        dueAt,
      );
    });
    return complete(variant);
  }

  /** Resolves when the renderers are gone. */
  async close(): Promise<void> {
    await Promise.all(this.#seats.map((seat) => seat.close()));
  }

  /** Never rejects: its members hear of what goes wrong. */
  async #renderBatch(
    name: string,
    batch: Batch,
    job: RenderJob,
    square: number | undefined,
  ): Promise<void> {
    try {
      // Those who waited for the same original come in this very turn of the event loop.
      await nextTurn();
      const takeOrders = (): readonly VariantOrder[] => {
        this.#batches.close(name, batch);
        batch.begin();
        return batch.orders;
      };
      const variants = await this.#renderPicture(job, takeOrders, square, batch.signal);
      batch.succeed(variants);
    } catch (error) {
      this.#batches.close(name, batch);
      batch.fail(error);
    }
  }

  /** @param takeOrders asked when it is this picture's turn: until then a batch can be joined */
  async #renderPicture(
    { original, format, identity, site, client, user, dueAt }: RenderJob,
    takeOrders: () => readonly VariantOrder[],
    square: number | undefined,
    signal: AbortSignal,
  ): Promise<Buffer[]> {
    const turn = { site, client, user };
    const costClass = costClassOf(original, format);
    const ticket = { ...turn, dueAt, signal, costClass, bytes: original.decodedBytes };
    return await this.#admission.run(ticket, (begins) => {
      const variants = takeOrders();
      const order = { kind: 'picture', variants, square } as const;
      const pixels = original.width * original.height;
      const decodes = square === undefined ? variants.length : 1;
      const work = { order, body: original.bytes, pixels, decodes, begins };
      return this.#workTwice(work, identity, dueAt);
    });
  }

  /** The first death may be an accident; after the second the picture is in quarantine. */
  async #workTwice(work: Work, identity: string, dueAt: number): Promise<Buffer[]> {
    try {
      return await this.#workOnce(work, identity, dueAt);
    } catch (error) {
      if (!(error instanceof RendererDied)) throw error;
      this.#quarantine.check(identity);
    }
    try {
      return await this.#workOnce(work, identity, dueAt);
    } catch (error) {
      this.#quarantine.check(identity);
      throw error;
    }
  }

  async #workOnce(
    { order, body, pixels, decodes, begins }: Work,
    identity: string,
    dueAt: number,
  ): Promise<Buffer[]> {
    // The last one that has a renderer; where there is none, the last one.
    const [seat] = this.#free.splice(
      this.#free.findLastIndex(({ isUp }) => isUp),
      1,
    );
    // As many are admitted as there are seats.
    if (seat === undefined) throw new AvatarError('internal', { detail: 'no seat is free' });
    let begunAt = 0;
    const limitMs = Math.max(1, Math.min(RENDER_LIMIT_MS * decodes, dueAt - performance.now()));
    try {
      const variants = await seat.render(order, body, limitMs, () => {
        begunAt = performance.now();
        begins();
      });
      this.#quarantine.absolve(identity);
      this.#events.rendered(variants.length, performance.now() - begunAt, pixels);
      return variants;
    } catch (error) {
      this.#blame(identity, error);
      throw error;
    } finally {
      this.#free.push(seat);
    }
  }

  #blame(identity: string, error: unknown): void {
    const isKill = error instanceof RenderKilled;
    // Who waited in vain for a renderer to start has harmed none.
    if (!(error instanceof RendererDied) && !isKill) return;
    this.#events.died(identity, error);
    if (isKill && !error.isOwnDoing) return;
    if (this.#quarantine.strike(identity)) this.#events.quarantined(identity);
  }
}

/** By what is read and by what it decodes to: a few bytes may hide much work. */
function costClassOf({ bytes, format, decodedBytes }: InspectedOriginal, variant: Format): string {
  const powers = [bytes.length, decodedBytes].map((size) => Math.ceil(Math.log2(size)));
  return [variant, format, ...powers].join(':');
}

function complete(variant: Buffer | undefined): Buffer {
  if (variant !== undefined) return variant;
  throw new AvatarError('internal', { detail: 'a renderer replied without a variant' });
}
