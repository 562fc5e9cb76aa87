/** Which lines of a picture are looked at: all of them, or some to try things on. */
import type { Pixels } from './survey.ts';

/** A sample of fewer pixels cannot tell which way is the smallest. */
const ENOUGH = 80 * 80;
/** Nor can a smaller part of a large picture. In blocks, since pictures repeat themselves by lines. */
const SHARE = 1 / 8;
const BLOCKS = 4;
/**
 * A larger share saves next to nothing: three ways on that, and one on all of it, are about as much as
 * three on all of it, which cannot choose wrongly.
 */
const MOST = 1 / 2;

type Size = Pick<Pixels, 'width' | 'height'>;

export class Lines {
  /** How many they are. */
  readonly height: number;
  readonly #ofHeight: number;
  readonly #blocks: number;

  private constructor(height: number, ofHeight: number, blocks: number) {
    this.height = height;
    this.#ofHeight = ofHeight;
    this.#blocks = blocks;
  }

  static all({ height }: Size): Lines {
    return new Lines(height, height, 1);
  }

  /** Takes all lines of a small picture, up to 113 pixels square. */
  static sample(picture: Size): Lines {
    const { width, height } = picture;
    const wanted = Math.max(ENOUGH / width, height * SHARE);
    const lines = BLOCKS * Math.ceil(wanted / BLOCKS);
    return lines > height * MOST ? Lines.all(picture) : new Lines(lines, height, BLOCKS);
  }

  get areAll(): boolean {
    return this.height === this.#ofHeight;
  }

  /** @param values of the whole picture, as many for each line */
  of(values: Uint8Array): Uint8Array;
  of(values: Uint16Array): Uint16Array;
  of(values: Uint8Array | Uint16Array): Uint8Array | Uint16Array {
    if (this.areAll) return values;
    const perLine = values.length / this.#ofHeight;
    const lines = this.height / this.#blocks;
    const count = this.height * perLine;
    // Not by `slice`: that of a Buffer is a view.
    const chosen = values instanceof Uint16Array ? new Uint16Array(count) : new Uint8Array(count);
    for (let block = 0; block < this.#blocks; block += 1) {
      const first = Math.floor(((block + 0.5) * this.#ofHeight) / this.#blocks - lines / 2);
      const from = values.subarray(first * perLine, (first + lines) * perLine);
      chosen.set(from, block * lines * perLine);
    }
    return chosen;
  }
}
