/**
 * How often each avatar is looked at: the n-th most often in proportion to 1/n^s (Zipf). Of many
 * millions only a sample is simulated, each standing for a stratum of neighbours in rank.
 */

type Stratum = {
  /** How many avatars it stands for. */
  readonly avatars: number;
  /** The share of all views that one of them gets. */
  readonly share: number;
};

/** The sum of n^-s from one rank to another, both included: exact for few terms, else by Euler and Maclaurin. */
export function zipfMass(from: number, to: number, exponent: number): number {
  if (to - from < 64) {
    let sum = 0;
    for (let rank = from; rank <= to; rank += 1) sum += rank ** -exponent;
    return sum;
  }
  const cut = Math.max(from, 32);
  const head = cut > from ? zipfMass(from, cut - 1, exponent) : 0;
  const term = (rank: number): number => rank ** -exponent;
  const slope = (rank: number): number => -exponent * rank ** (-exponent - 1);
  const integral =
    exponent === 1
      ? Math.log(to / cut)
      : (to ** (1 - exponent) - cut ** (1 - exponent)) / (1 - exponent);
  return head + integral + (term(cut) + term(to)) / 2 + (slope(to) - slope(cut)) / 12;
}

/**
 * All avatars in `count` strata of neighbouring ranks. A view falls on the sampled avatar of a stratum as
 * often as on the average one of those it stands for, so that rates and shares add up exactly.
 */
export function strata(avatars: number, exponent: number, count: number): Stratum[] {
  const whole = zipfMass(1, avatars, exponent);
  const used = Math.min(count, avatars);
  return Array.from({ length: used }, (_, index) => {
    const from = Math.floor((index * avatars) / used) + 1;
    const to = Math.floor(((index + 1) * avatars) / used);
    return {
      avatars: to - from + 1,
      share: zipfMass(from, to, exponent) / whole / (to - from + 1),
    };
  });
}

/** Draws indices in proportion to weights, in constant time (Walker's alias method, as Vose builds it). */
export class WeightedChoice {
  readonly #probabilities: Float64Array;
  readonly #aliases: Int32Array;

  constructor(weights: readonly number[]) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const scaled = weights.map((weight) => (weight * weights.length) / total);
    this.#probabilities = new Float64Array(weights.length).fill(1);
    this.#aliases = new Int32Array(weights.length);
    const small: number[] = [];
    const large: number[] = [];
    scaled.forEach((weight, index) => (weight < 1 ? small : large).push(index));
    while (small.length > 0 && large.length > 0) {
      const [less = 0, more = 0] = [small.pop(), large.pop()];
      this.#probabilities[less] = scaled[less] ?? 1;
      this.#aliases[less] = more;
      scaled[more] = (scaled[more] ?? 0) + (scaled[less] ?? 0) - 1;
      (scaled[more] < 1 ? small : large).push(more);
    }
  }

  /** @param random from 0 to 1; its fraction within a column is used as well */
  draw(random: number): number {
    const place = random * this.#probabilities.length;
    const column = Math.floor(place);
    return place - column < (this.#probabilities[column] ?? 1)
      ? column
      : (this.#aliases[column] ?? 0);
  }
}
