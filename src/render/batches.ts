import type { RenderJob } from '../avatar/ports.ts';
import type { VariantOrder } from './protocol.ts';

/** The variant that one who waits orders, and when it is due. */
type MemberOrder = Pick<RenderJob, 'dueAt' | 'onTurn'> & { readonly order: VariantOrder };

type Member = PromiseWithResolvers<Buffer> & { readonly wanted: MemberOrder };

/** A frame of the protocol holds so many variants at the most. */
const LARGEST_BATCH = 32;
/**
 * The most pixels that one decode's variants have together: a second of encoding, four of the largest size.
 * A batch has the time of one picture: a client that filled it with large ones would have all killed.
 */
const MOST_PIXELS = 4e6;
/** Encoding a pixel of a GIF takes as long as this many of WebP, which takes the most of all others. */
const GIF_PIXEL = 4;

/** Variants of one original that are rendered together, from one decode. */
export class Batch {
  readonly #members: Member[] = [];
  readonly #left = new AbortController();
  #present = 0;
  #hasBegun = false;

  get orders(): readonly VariantOrder[] {
    return this.#members.map(({ wanted }) => wanted.order);
  }

  /** When the last of its variants is due: its first member may have less time than those who joined. */
  get dueAt(): number {
    return Math.max(...this.#members.map(({ wanted }) => wanted.dueAt));
  }

  /** Tells all members that their turn has come; nobody joins any more. */
  begin(): void {
    this.#hasBegun = true;
    for (const { wanted } of this.#members) wanted.onTurn?.();
  }

  /** Whether it still waits, has room for this variant too, and has not been left by all its members. */
  canBeJoined(order: VariantOrder): boolean {
    if (this.#hasBegun || this.signal.aborted || this.#members.length === LARGEST_BATCH)
      return false;
    return this.#members.length === 0 || encodedPixels([...this.orders, order]) <= MOST_PIXELS;
  }

  /** Aborts when all have left. */
  get signal(): AbortSignal {
    return this.#left.signal;
  }

  /** Resolves with the variant ordered; rejects when the batch fails or the signal aborts. */
  async join(wanted: MemberOrder, signal: AbortSignal): Promise<Buffer> {
    signal.throwIfAborted();
    const member: Member = { ...Promise.withResolvers<Buffer>(), wanted };
    const leave = (): void => member.reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    this.#members.push(member);
    this.#present += 1;
    try {
      return await member.promise;
    } finally {
      signal.removeEventListener('abort', leave);
      this.#present -= 1;
      if (this.#present === 0) this.#left.abort(signal.reason);
    }
  }

  /** @param variants in the order of `orders` */
  succeed(variants: readonly Buffer[]): void {
    for (const [index, member] of this.#members.entries()) {
      const variant = variants[index];
      if (variant === undefined) member.reject(new Error('a variant is missing in the reply'));
      else member.resolve(variant);
    }
  }

  fail(error: unknown): void {
    for (const member of this.#members) member.reject(error);
  }
}

/** The batches that can still be joined, by what they are made from. */
export class Batches {
  readonly #open = new Map<string, Batch>();

  /** The batch to join, and whether it was opened for this call, which then has to see to it. */
  find(name: string, order: VariantOrder): { batch: Batch; isNew: boolean } {
    const open = this.#open.get(name);
    if (open?.canBeJoined(order) === true) return { batch: open, isNew: false };
    const batch = new Batch();
    this.#open.set(name, batch);
    return { batch, isNew: true };
  }

  /** From now on nobody joins it: the next call of `find` opens another. */
  close(name: string, batch: Batch): void {
    if (this.#open.get(name) === batch) this.#open.delete(name);
  }
}

/** How much work encoding all of them is, counted in pixels of WebP. */
export function encodedPixels(orders: readonly VariantOrder[]): number {
  return orders.reduce(
    (sum, { size, format }) => sum + size * size * (format === 'gif' ? GIF_PIXEL : 1),
    0,
  );
}
