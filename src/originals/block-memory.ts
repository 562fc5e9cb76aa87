/** Smaller pieces are no burden to the collector, larger ones are rare. */
const SMALLEST = 32 * 1024;
const LARGEST = 8 * 1024 * 1024;
/** Sizes of blocks for each doubling: at most a quarter of a block is left unused. */
const SIZES_PER_DOUBLING = 4;

/** Of memory that nobody uses at the moment: what a handful of reads at once need. */
const KEPT_FREE = 8 * 1024 * 1024;

/**
 * Memory for originals, used again. V8 counts large buffers against its small heap and would collect it
 * whole for every sixteen megabytes read: half of what this process computes on a miss, in pauses that
 * hits feel. Who is not sure to be the last reader of a block just does not give it back; then it is
 * collected like any other.
 */
export class BlockMemory {
  readonly #free = new Map<number, ArrayBuffer[]>();
  readonly #lent = new WeakSet<ArrayBufferLike>();
  readonly #mostFreeBytes: number;
  #freeBytes = 0;

  /** @param mostFreeBytes kept for the next ones */
  constructor(mostFreeBytes = KEPT_FREE) {
    this.#mostFreeBytes = mostFreeBytes;
  }

  /** @returns so many bytes, with whatever was in them */
  take(bytes: number): Buffer {
    if (bytes < SMALLEST || bytes > LARGEST) return Buffer.allocUnsafeSlow(bytes);
    const size = blockSize(bytes);
    const block = this.#takeFree(size) ?? Buffer.allocUnsafeSlow(size).buffer;
    this.#lent.add(block);
    return Buffer.from(block, 0, bytes);
  }

  /**
   * Nobody may read from `buffer` any more: it may be empty from now on, or full of something else.
   * What did not come from here, or came back, is let be.
   */
  giveBack({ buffer }: Buffer): void {
    if (!(buffer instanceof ArrayBuffer) || !this.#lent.delete(buffer)) return;
    if (this.#freeBytes + buffer.byteLength > this.#mostFreeBytes) {
      // Frees it now, not when V8 gets round to it: what waits in a queue outlives the young generation.
      buffer.transfer(0);
      return;
    }
    this.#freeBytes += buffer.byteLength;
    const free = this.#free.get(buffer.byteLength);
    if (free === undefined) this.#free.set(buffer.byteLength, [buffer]);
    else free.push(buffer);
  }

  #takeFree(size: number): ArrayBuffer | undefined {
    const block = this.#free.get(size)?.pop();
    if (block !== undefined) this.#freeBytes -= size;
    return block;
  }
}

function blockSize(bytes: number): number {
  const step = 2 ** Math.floor(Math.log2(bytes)) / SIZES_PER_DOUBLING;
  return Math.ceil(bytes / step) * step;
}
