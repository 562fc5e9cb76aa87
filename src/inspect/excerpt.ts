/**
 * The parts of a file that a decoder may see. Touching parts merge, so a file of which everything is
 * kept is one run and costs no copy.
 */
export class Excerpt {
  readonly #source: Buffer;
  /** Start and end of every run, flat: a hostile file can have very many. */
  readonly #runs: number[] = [];
  #length = 0;

  constructor(source: Buffer) {
    this.#source = source;
  }

  /** Parts come in the order of the file; `end` is exclusive. */
  keep(start: number, end: number): void {
    this.#length += end - start;
    if (this.#runs.at(-1) === start) this.#runs[this.#runs.length - 1] = end;
    else this.#runs.push(start, end);
  }

  /** Whether nothing of the source is left out. */
  get isWhole(): boolean {
    return this.#length === this.#source.length;
  }

  /** A view of the source when the kept parts are one piece, otherwise a copy of them. */
  toBuffer(): Buffer {
    const [start, end] = this.#runs;
    return this.#runs.length === 2 ? this.#source.subarray(start, end) : this.copy();
  }

  /** The kept parts in memory of their own, to write to. */
  copy(): Buffer {
    const copy = Buffer.allocUnsafe(this.#length);
    let at = 0;
    for (let run = 0; run < this.#runs.length; run += 2) {
      at += this.#source.copy(copy, at, this.#runs[run], this.#runs[run + 1]);
    }
    return copy;
  }
}
