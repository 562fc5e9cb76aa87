/**
 * Whose turn it is. A client is whoever sends the requests, as far as the service can tell; a user is
 * the one whose avatar is asked for.
 */
export type Turn = { readonly site: string; readonly client: string; readonly user: string };

/** What one who owes time pays off by letting a turn pass: about what the least work takes. */
export const PAID_BY_A_TURN_MS = 10;

/**
 * A queue in which sites take turns, within a site its clients, and within a client's requests the
 * users asked for: a flood from one of them lengthens its own wait, not that of the others. First come,
 * first served within one user.
 *
 * What they share is time, not turns: one who was given a second would else get as many turns as one
 * who was given a millisecond. Whoever is served owes the time it takes, and lets turns pass until that
 * is paid off. (Deficit round robin, by Shreedhar and Varghese, paid afterwards: how long work takes is
 * not known before.)
 */
export class FairQueue<Item> {
  readonly #all = new Line<Item>();

  get size(): number {
    return this.#all.size;
  }

  /** What all that wait are expected to take. */
  get ms(): number {
    return this.#all.ms;
  }

  /** @param ms what it is expected to take */
  push(turn: Turn, item: Item, ms: number): void {
    this.#all.push(namesOf(turn), item, ms);
  }

  /**
   * Goes round to the one whose turn it is; those who owe let theirs pass, and so pay. Only for when one can
   * be served: whoever it is stays in the queue, and at its head, until it is taken out.
   */
  advance(): Item | undefined {
    return this.#all.advance();
  }

  /** All that wait, about in the order of their turns. */
  all(): Iterable<Item> {
    return this.#all.all();
  }

  /** Takes it out to be served, for which its site, client and user owe what it is expected to take. */
  serve(turn: Turn, item: Item): void {
    this.#all.take(namesOf(turn), item, true);
  }

  /** Takes it out, and nobody owes anything. */
  remove(turn: Turn, item: Item): void {
    this.#all.take(namesOf(turn), item, false);
  }

  /** @param ms what it took beyond what it was expected to; less than 0 when it took less */
  charge(turn: Turn, ms: number): void {
    this.#all.charge(namesOf(turn), ms);
  }

  /** What those take who are served before a newcomer, when turns go round as they do now. */
  aheadMs(turn: Turn): number {
    return this.#all.aheadMs(namesOf(turn));
  }
}

type Names = readonly string[];

function namesOf({ site, client, user }: Turn): Names {
  return [site, client, user];
}

/** Those of one name, in lines of their own by the next one; behind the last name in their order. */
class Line<Item> {
  /** Some have nobody in them and are there for what they owe. The first of the Map is the next. */
  readonly #lines = new Map<string, Line<Item>>();
  /** With what each is expected to take. */
  readonly #items = new Map<Item, number>();
  size = 0;
  ms = 0;
  owesMs = 0;

  push([name, ...names]: Names, item: Item, ms: number): void {
    this.size += 1;
    this.ms += ms;
    if (name === undefined) this.#items.set(item, ms);
    else this.#line(name).push(names, item, ms);
  }

  advance(): Item | undefined {
    const line = this.#lineInTurn();
    return line === undefined ? first(this.#items.keys()) : line.advance();
  }

  *all(): Generator<Item> {
    for (const line of this.#lines.values()) yield* line.all();
    yield* this.#items.keys();
  }

  /** @returns what it was expected to take; undefined when it was not there */
  take([name, ...names]: Names, item: Item, isServed: boolean): number | undefined {
    const ms =
      name === undefined ? this.#items.get(item) : this.#takeFrom(name, names, item, isServed);
    if (ms === undefined) return undefined;
    this.#items.delete(item);
    this.size -= 1;
    // Not what is left when fractions are added and taken away again.
    this.ms = this.size === 0 ? 0 : this.ms - ms;
    return ms;
  }

  #takeFrom(name: string, names: Names, item: Item, isServed: boolean): number | undefined {
    const line = this.#lines.get(name);
    const ms = line?.take(names, item, isServed);
    if (line === undefined || ms === undefined) return undefined;
    if (isServed) line.owesMs += ms;
    if (line.isOver) this.#lines.delete(name);
    return ms;
  }

  charge([name, ...names]: Names, ms: number): void {
    if (name === undefined) return;
    const line = this.#line(name);
    // What was paid off meanwhile cost nobody anything if nobody else waited: no credit comes of it.
    line.owesMs = Math.max(line.owesMs + ms, -PAID_BY_A_TURN_MS);
    line.charge(names, ms);
  }

  aheadMs([name, ...names]: Names): number {
    if (name === undefined) return this.ms;
    const own = this.#lines.get(name);
    const ahead = own?.aheadMs(names) ?? 0;
    const turnAt = (own?.owesMs ?? 0) + ahead;
    let sum = ahead;
    for (const line of this.#lines.values()) if (line !== own) sum += line.#msBefore(turnAt);
    return sum;
  }

  /** What of it is served before one whose turn comes when the others have had so much. */
  #msBefore(turnAt: number): number {
    const untilThen = turnAt - this.owesMs;
    if (this.size === 0 || untilThen < 0) return 0;
    // What has its turn by then is served to its end.
    return Math.min(this.ms, untilThen + this.ms / this.size);
  }

  /** Whose turn it is. Before that those who owe time let theirs pass, whether they wait or not. */
  #lineInTurn(): Line<Item> | undefined {
    if (this.size === 0) return undefined;
    for (const [name, line] of this.#lines) {
      if (line.size > 0 && line.owesMs <= 0) return line;
      line.owesMs -= PAID_BY_A_TURN_MS;
      this.#lines.delete(name);
      if (!line.isOver) this.#lines.set(name, line);
    }
    return undefined;
  }

  #line(name: string): Line<Item> {
    const line = this.#lines.get(name) ?? new Line<Item>();
    this.#lines.set(name, line);
    return line;
  }

  get isOver(): boolean {
    return this.size === 0 && this.owesMs <= 0;
  }
}

function first<Member>(members: Iterable<Member>): Member | undefined {
  for (const member of members) return member;
  return undefined;
}
