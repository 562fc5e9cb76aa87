export type Piece = {
  readonly bytes: number;
  /** How long it takes, as far as can be told before. */
  readonly expectedMs: number;
};

export type RoomLimits = {
  /** How much work runs at once. */
  readonly slots: number;
  /** Bytes that all running work together may hold decoded; one larger piece runs alone. */
  readonly budgetBytes: number;
};

/** Where work runs: so many pieces at once, so many bytes for all of them. */
export class Room {
  readonly #limits: RoomLimits;
  /** Each with the one that it passed when it came in, if it was not its turn. */
  readonly #pieces = new Map<Piece, Piece | undefined>();

  constructor(limits: RoomLimits) {
    this.#limits = limits;
  }

  get running(): number {
    return this.#pieces.size;
  }

  get hasFreeSlot(): boolean {
    return this.#pieces.size < this.#limits.slots;
  }

  /** What all that run are expected to take, from their beginning. */
  get ms(): number {
    let sum = 0;
    for (const { expectedMs } of this.#pieces.keys()) sum += expectedMs;
    return sum;
  }

  fits({ bytes }: Piece): boolean {
    if (this.#pieces.size === 0) return true;
    return this.hasFreeSlot && this.#bytes + bytes <= this.#limits.budgetBytes;
  }

  /**
   * What another piece may hold while the first of the queue waits for bytes. It must not have to wait
   * for more than those that are in here already: with them gone, it fits beside whoever passed it.
   */
  bytesBeside(first: Piece): number {
    if (!this.hasFreeSlot) return 0;
    let passed = 0;
    for (const [{ bytes }, whom] of this.#pieces) if (whom === first) passed += bytes;
    return this.#limits.budgetBytes - Math.max(this.#bytes, passed + first.bytes);
  }

  /** @param passed whose turn it was, if it was another's */
  enter(piece: Piece, passed?: Piece): void {
    this.#pieces.set(piece, passed);
  }

  leave(piece: Piece): void {
    this.#pieces.delete(piece);
  }

  get #bytes(): number {
    let sum = 0;
    for (const { bytes } of this.#pieces.keys()) sum += bytes;
    return sum;
  }
}
