import { seededRandom } from '../bench/support/pictures.ts';

/** Chance that falls the same way again for the same seed. */
export class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededRandom(seed);
  }

  /** A whole number from 0 to below this. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  chance(share: number): boolean {
    return this.#next() < share;
  }

  /** @throws Error when there is nothing to choose from */
  pick<Value>(values: readonly Value[]): Value {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error('nothing to choose from');
    return value;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Uint8Array.from({ length }, () => this.below(256)));
  }
}

/** Of one mutant among those of a run: mutants do not depend on what was made before them. */
export function seedOf(run: number, mutant: number): number {
  return (Math.imul(run, 0x9e37_79b1) ^ Math.imul(mutant, 0x85eb_ca6b)) | 0;
}
