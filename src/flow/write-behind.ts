export type WriteBehindLimits = {
  /** How many are written at once. */
  readonly slots: number;
  /** How many may wait, and how many bytes they may have; more are turned away. */
  readonly most: number;
  readonly mostBytes: number;
};

/** Something to write for which nobody waits. */
type Writable = { readonly bytes: number };

/** Writes things later, in their order and a few at once, and holds no more of them than is allowed. */
export class WriteBehind<Item extends Writable> {
  readonly #limits: WriteBehindLimits;
  readonly #write: (item: Item, signal: AbortSignal) => Promise<void>;
  readonly #waiting: Item[] = [];
  /** One controller per write: signals derived from a shared one would never be freed. */
  readonly #running = new Set<AbortController>();
  #bytes = 0;
  #isStarting = false;
  #isClosed = false;
  #onIdle: (() => void) | undefined;

  /** @param write sees to its own failures; its signal aborts when there is no more time */
  constructor(
    limits: WriteBehindLimits,
    write: (item: Item, signal: AbortSignal) => Promise<void>,
  ) {
    this.#limits = limits;
    this.#write = write;
  }

  /** How many wait or are being written. */
  get size(): number {
    return this.#waiting.length + this.#running.size;
  }

  /** @returns whether it will be written; returns at once, before anything is done */
  add(item: Item): boolean {
    const { most, mostBytes } = this.#limits;
    const isFull = this.size >= most || this.#bytes + item.bytes > mostBytes;
    if (isFull || this.#isClosed) return false;
    this.#bytes += item.bytes;
    this.#waiting.push(item);
    if (!this.#isStarting) {
      this.#isStarting = true;
      // Later, so that the reply that is being made of it now goes first.
      setImmediate(() => this.#start());
    }
    return true;
  }

  /**
   * Writes what is there, takes nothing more, and gives up after a while.
   * @returns how many were not even begun
   */
  async close(withinMs: number): Promise<number> {
    this.#isClosed = true;
    if (this.size === 0) return 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const timer = setTimeout(resolve, withinMs);
    await promise;
    clearTimeout(timer);
    const left = this.#waiting.splice(0).length;
    for (const controller of this.#running) controller.abort(new Error('no more time to write'));
    return left;
  }

  #start(): void {
    this.#isStarting = false;
    while (this.#running.size < this.#limits.slots) {
      const item = this.#waiting.shift();
      if (item === undefined) return;
      const controller = new AbortController();
      this.#running.add(controller);
      void this.#write(item, controller.signal).finally(() => this.#finish(item, controller));
    }
  }

  #finish({ bytes }: Item, controller: AbortController): void {
    this.#running.delete(controller);
    this.#bytes -= bytes;
    this.#start();
    if (this.size === 0) this.#onIdle?.();
  }
}
