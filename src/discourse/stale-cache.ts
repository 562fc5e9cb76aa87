/**
 * A bounded memory of answers that are costly to get, with one flight for each question. A stale answer is
 * given where asking again fails.
 */
import { LRUCache } from 'lru-cache';
import { SingleFlight } from '../flow/single-flight.ts';

type StaleCacheOptions<T> = {
  /** How many answers are held; the least recently used go first. */
  readonly max: number;
  /** How long an answer is given without asking again, in milliseconds. */
  readonly freshMs: (answer: T) => number;
  /** How much longer it is given when asking again fails, in milliseconds. */
  readonly staleMs: (answer: T) => number;
  /** Milliseconds that never run backwards; for tests. */
  readonly now?: () => number;
};

type Held<T> = { readonly answer: T; readonly at: number };

export class StaleCache<T> {
  readonly #options: StaleCacheOptions<T>;
  readonly #now: () => number;
  readonly #held: LRUCache<string, Held<T>>;
  // A failure is the database's, not one caller's bad luck: all who waited get it.
  readonly #flights = new SingleFlight<T>(() => false);

  constructor(options: StaleCacheOptions<T>) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#held = new LRUCache({ max: options.max });
  }

  /**
   * The answer held, or that of `ask`, which is called once for all who wait for the same question.
   *
   * @param signal of who waits: when it aborts, this rejects with its reason, and others wait on
   * @throws what `ask` throws, when no answer is held that may be given instead; failures are not held
   */
  async get(question: string, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    const held = this.#held.get(question);
    if (held !== undefined && this.#now() - held.at < this.#options.freshMs(held.answer)) {
      return held.answer;
    }
    const flight = await this.#flights.run(question, signal, () => this.#ask(question, held, ask));
    return flight.result;
  }

  /**
   * As `get`, but where an answer is held, however old, nobody waits for a new one: it is asked for
   * behind their back. For what has to be known on the way to things that are at hand.
   */
  async getAtOnce(question: string, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    const held = this.#held.get(question);
    const answer = this.get(question, signal, ask);
    if (held === undefined) return await answer;
    // Whoever asks next would be told of a failure, if there were no answer to give.
    answer.catch(() => undefined);
    return held.answer;
  }

  /** Forgets the answer held, if there is one that is `doubtful` by now. */
  forget(question: string, doubtful: (answer: T) => boolean): void {
    const held = this.#held.get(question);
    if (held !== undefined && doubtful(held.answer)) this.#held.delete(question);
  }

  async #ask(question: string, held: Held<T> | undefined, ask: () => Promise<T>): Promise<T> {
    try {
      const answer = await ask();
      this.#held.set(question, { answer, at: this.#now() });
      return answer;
    } catch (error) {
      if (held === undefined) throw error;
      const { answer, at } = held;
      const limit = this.#options.freshMs(answer) + this.#options.staleMs(answer);
      if (this.#now() - at >= limit) throw error;
      return answer;
    }
  }
}
