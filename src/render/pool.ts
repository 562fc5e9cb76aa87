import { setImmediate as nextTurn } from 'node:timers/promises';
import type { InspectedOriginal, LetterJob, Renderer, RenderJob } from '../avatar/ports.ts';
import { AvatarError } from '../errors.ts';
import { Admission, type ShedReason } from '../flow/admission.ts';
import type { Turn } from '../flow/fair-queue.ts';
import { type Format, isMoving } from '../vocabulary/formats.ts';
import { type Batch, Batches, encodedPixels } from './batches.ts';
import { Workers, type RendererEvents } from './workers.ts';
import type { VariantOrder } from './protocol.ts';
import { intermediateSquare } from './intermediate-square.ts';

export type PoolSettings = {
  /** Renderers, and so pictures in flight. */
  readonly renderers: number;
  /** Bytes that all pictures in flight together may hold decoded. */
  readonly decodedBytes: number;
  /**
   * Whether variants that wait for the same original go to a renderer in one order, even where each has a
   * decode of its own. An order costs 2 ms in which the renderer waits: saved where nobody else waits,
   * while visitors' variants are better spread over the renderers.
   */
  readonly inSets?: boolean;
};

/** What is to be made of a picture when its turn comes: until then a batch may still grow. */
type PendingOrders = Pick<Batch, 'orders' | 'dueAt' | 'signal' | 'begin'>;

/** What the largest letter holds in memory: pixels, mask and outlines. */
const LETTER_BYTES = 8e6;

/** Renderers in child processes, shared out fairly to those who wait for them, alone or in a batch. */
export class RenderPool implements Renderer {
  readonly #admission: Admission;
  readonly #batches = new Batches();
  readonly #workers: Workers;
  readonly #inSets: boolean;

  constructor(settings: PoolSettings, events: RendererEvents) {
    const { renderers, decodedBytes, inSets = false } = settings;
    this.#admission = new Admission({ slots: renderers, budgetBytes: decodedBytes });
    this.#workers = new Workers(renderers, events);
    this.#inSets = inSets;
  }

  get running(): number {
    return this.#admission.running;
  }

  get waiting(): number {
    return this.#admission.waiting;
  }

  /** How long the oldest job has been waiting for a renderer. */
  get oldestWaitMs(): number {
    return this.#admission.oldestWaitMs;
  }

  get shed(): Readonly<Record<ShedReason, number>> {
    return this.#admission.shed;
  }

  /** Renderers ready to work, or at it. */
  get up(): number {
    return this.#workers.up;
  }

  /** How long the oldest order has been with a renderer that neither answers nor ends. */
  get oldestMs(): number {
    return this.#workers.oldestMs;
  }

  /** The renderers' process ids, for those who watch or harm them. */
  get pids(): number[] {
    return this.#workers.pids;
  }

  reserve(turn: Turn, dueAt: number): Disposable {
    return this.#admission.reserve(turn, dueAt);
  }

  async render(job: RenderJob, signal: AbortSignal): Promise<Buffer> {
    signal.throwIfAborted();
    const { original, size, format, identity } = job;
    this.#workers.check(identity);
    const square = isMoving(format) ? undefined : intermediateSquare(original, size);
    const isBatched = square !== undefined || (this.#inSets && !isMoving(format));
    if (!isBatched || this.#workers.suspects(identity)) {
      const begin = (): void => job.onTurn?.();
      const alone = { orders: [{ size, format }], dueAt: job.dueAt, signal, begin };
      const [variant] = await this.#renderPicture(job, alone, square);
      return complete(variant);
    }
    const name = `${square ?? 'each'} ${identity}`;
    const first = this.#joinBatch(name, job, square, signal);
    try {
      return await first.variant;
    } catch (error) {
      const isOpeners = !first.isNew && AvatarError.from(error).code === 'overloaded';
      if (!isOpeners || signal.aborted) throw error;
    }
    // The turn that was too far away was that of whoever opened the batch, not this one's.
    return await this.#joinBatch(name, job, square, signal).variant;
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
      return this.#workers.run({ order, body: undefined, pixels: 0, identity, dueAt, begins });
    });
    return complete(variant);
  }

  /** Resolves when the renderers are gone. */
  async close(): Promise<void> {
    await this.#workers.close();
  }

  #joinBatch(
    name: string,
    job: RenderJob,
    square: number | undefined,
    signal: AbortSignal,
  ): { variant: Promise<Buffer>; isNew: boolean } {
    const order = { size: job.size, format: job.format };
    const { batch, isNew } = this.#batches.find(name, order);
    if (isNew) void this.#renderBatch(name, batch, job, square);
    return { variant: batch.join({ ...job, order }, signal), isNew };
  }

  /** Never rejects: the batch's members hear of what goes wrong. */
  async #renderBatch(
    name: string,
    batch: Batch,
    job: RenderJob,
    square: number | undefined,
  ): Promise<void> {
    try {
      // Those who waited for the same original come in this very turn of the event loop.
      await nextTurn();
      batch.succeed(await this.#renderPicture(job, batch, square));
    } catch (error) {
      batch.fail(error);
    } finally {
      this.#batches.close(name, batch);
    }
  }

  async #renderPicture(
    { original, format, identity, site, client, user }: RenderJob,
    pending: PendingOrders,
    square: number | undefined,
  ): Promise<Buffer[]> {
    const ticket = {
      site,
      client,
      user,
      get dueAt() {
        return pending.dueAt;
      },
      signal: pending.signal,
      get costClass() {
        return costClassOf(original, format, pending.orders);
      },
      bytes: original.decodedBytes,
    };
    return await this.#admission.run(ticket, (begins) => {
      pending.begin();
      const { orders: variants, dueAt } = pending;
      const { isDeep } = original;
      const order = { kind: 'picture', variants, square, isDeep } as const;
      const pixels = original.width * original.height;
      return this.#workers.run({ order, body: original.bytes, pixels, identity, dueAt, begins });
    });
  }
}

/**
 * Work takes equally long when it has about as many bytes to read, to decode to (few may hide much work)
 * and to encode: a WebP of the largest size takes seventy times what one of 48 pixels does.
 */
function costClassOf(
  { bytes, format, decodedBytes }: InspectedOriginal,
  variant: Format,
  orders: readonly VariantOrder[],
): string {
  const edge = Math.sqrt(encodedPixels(orders));
  const powers = [bytes.length, decodedBytes, edge].map((size) => Math.ceil(Math.log2(size)));
  return [variant, format, ...powers].join(':');
}

function complete(variant: Buffer | undefined): Buffer {
  if (variant !== undefined) return variant;
  throw new AvatarError('internal', { detail: 'a renderer replied without a variant' });
}
