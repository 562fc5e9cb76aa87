import type { Turn } from '../flow/fair-queue.ts';
import type { FairSemaphore } from '../flow/fair-semaphore.ts';

/**
 * The part of the memory for all originals that one of them has, for as long as anybody needs its bytes.
 * It begins with one holder.
 */
export class MemoryLease {
  readonly #memory: FairSemaphore;
  readonly #turn: Turn;
  #holders = 1;
  #bytes = 0;
  #taken: Disposable | undefined;

  constructor(memory: FairSemaphore, turn: Turn) {
    this.#memory = memory;
    this.#turn = turn;
  }

  /**
   * Resolves when so many bytes are leased in all; fewer that were leased before are given back first.
   * @param signal aborts, if this still waits, before the holder it began with leaves
   */
  async claim(bytes: number, signal: AbortSignal): Promise<void> {
    // A second read of the same original, because the first one failed or is slow.
    if (bytes <= this.#bytes) return;
    // Not kept during the wait: two who want more could wait for each other.
    this.#giveBack();
    const taken = await this.#memory.acquire(this.#turn, bytes, signal);
    this.#giveBack();
    this.#taken = taken;
    this.#bytes = bytes;
  }

  /** @returns to be called when this holder needs the bytes no more; a second call does nothing */
  join(): () => void {
    this.#holders += 1;
    let holds = true;
    return () => {
      if (holds) this.leave();
      holds = false;
    };
  }

  /** Called by the holder it began with; others call what `join` returned. */
  leave(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#giveBack();
  }

  #giveBack(): void {
    this.#taken?.[Symbol.dispose]();
    this.#taken = undefined;
    this.#bytes = 0;
  }
}
