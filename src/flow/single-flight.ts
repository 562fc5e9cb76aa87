/**
 * One piece of work for all who ask for the same thing at the same time.
 *
 * The work belongs to nobody: it goes on while at least one passenger waits, whoever came first,
 * and is aborted when the last one leaves. A passenger who joined and sees the work fail for a
 * reason that may be the first one's alone (its time ran out, its turn was too far away) tries once more
 * by itself.
 */
export class SingleFlight<Result> {
  readonly #flights = new Map<string, Flight<Result>>();
  readonly #isWorthRepeating: (error: unknown) => boolean;

  constructor(isWorthRepeating: (error: unknown) => boolean) {
    this.#isWorthRepeating = isWorthRepeating;
  }

  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /**
   * @param signal the passenger's own: when it aborts, this call rejects with its reason
   * @param work started unless it is under way; its signal aborts when nobody waits any more
   * @returns the result; whether this passenger joined work that was under way; and whether it alone
   * has the result
   */
  async run(
    key: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<Result>,
  ): Promise<{ result: Result; joined: boolean; isAlone: boolean }> {
    // A flight without passengers would never be called off: nobody is there to leave.
    signal.throwIfAborted();
    const underWay = this.#flights.get(key);
    if (underWay === undefined) {
      const flight = this.#start(key, work);
      const result = await flight.ride(signal);
      return { result, joined: false, isAlone: flight.everAboard === 1 };
    }
    try {
      return { result: await underWay.ride(signal), joined: true, isAlone: false };
    } catch (error) {
      if (signal.aborted || !this.#isWorthRepeating(error)) throw error;
    }
    // Whoever gets here first starts the second flight; the others meet it in the map.
    const flight = this.#flights.get(key) ?? this.#start(key, work);
    return { result: await flight.ride(signal), joined: true, isAlone: false };
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<Result>): Flight<Result> {
    const flight = new Flight(work, () => {
      // An abandoned flight may land after a new one has started under its key.
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    this.#flights.set(key, flight);
    return flight;
  }
}

class Flight<Result> {
  readonly #controller = new AbortController();
  readonly #landing: Promise<Result>;
  readonly #onOver: () => void;
  #passengers = 0;
  #everAboard = 0;

  constructor(work: (signal: AbortSignal) => Promise<Result>, onOver: () => void) {
    this.#onOver = onOver;
    this.#landing = work(this.#controller.signal).finally(onOver);
    // Passengers hear of a failure through `ride`; with none left nobody needs to.
    this.#landing.catch(() => undefined);
  }

  /** How many have boarded, those who left included. Nobody boards a flight that has landed. */
  get everAboard(): number {
    return this.#everAboard;
  }

  /** @param signal not aborted yet */
  async ride(signal: AbortSignal): Promise<Result> {
    this.#passengers += 1;
    this.#everAboard += 1;
    const left = Promise.withResolvers<never>();
    const leave = (): void => {
      left.reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([this.#landing, left.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
      this.#passengers -= 1;
      if (this.#passengers === 0 && signal.aborted) {
        this.#onOver();
        this.#controller.abort(signal.reason);
      }
    }
  }
}
