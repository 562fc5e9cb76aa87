/**
 * The colours of a picture, in the order they were met, and which of them each pixel has. A table of its
 * own since a Map takes five times as long, once for each pixel of a soft gradient.
 */

/** Four times as many as are ever held, so that looking one up is nearly always one step. */
const SLOTS = 4096;
const SLOT_BITS = 12;

export class Colours {
  static readonly MOST = SLOTS / 4;

  size = 0;
  /** The colours in their order. */
  readonly values = new Uint32Array(Colours.MOST);
  /** How many pixels have it. */
  readonly counts = new Uint32Array(Colours.MOST);
  /** The order of each pixel's colour. */
  readonly ofPixels: Uint16Array;
  #pixels = 0;
  /** One more than the order of the colour that is there. */
  readonly #slots = new Uint16Array(SLOTS);

  constructor(pixels: number) {
    this.ofPixels = new Uint16Array(pixels);
  }

  /**
   * Adds the next pixels, which all have this colour.
   * @returns false when there is no room for one more
   */
  add(colour: number, count: number): boolean {
    const slot = this.#slotOf(colour);
    let order = (this.#slots[slot] ?? 0) - 1;
    if (order === -1) {
      if (this.size === Colours.MOST) return false;
      order = this.size;
      this.size += 1;
      this.values[order] = colour;
      this.#slots[slot] = this.size;
    }
    this.counts[order] = (this.counts[order] ?? 0) + count;
    // Most runs are short: `fill` would take longer than all else here.
    const end = this.#pixels + count;
    for (let pixel = this.#pixels; pixel < end; pixel += 1) this.ofPixels[pixel] = order;
    this.#pixels = end;
    return true;
  }

  /** The slot where the colour is or would be. */
  #slotOf(colour: number): number {
    let slot = Math.imul(colour, 0x9e3779b1) >>> (32 - SLOT_BITS);
    for (;;) {
      const order = (this.#slots[slot] ?? 0) - 1;
      if (order === -1 || this.values[order] === colour) return slot;
      slot = (slot + 1) % SLOTS;
    }
  }
}
