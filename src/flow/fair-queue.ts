/**
 * In whose turn something waits. A client is whoever sends the requests, as far as the service can tell; a
 * user is the one whose avatar is asked for.
 */
export type Turn = { readonly site: string; readonly client: string; readonly user: string };

/** The debt that is paid off by letting a turn pass: about what the least work takes. */
export const PAID_BY_A_TURN_MS = 10;

/**
 * A queue in which sites take turns, within a site its clients, and within a client's requests the
 * users asked for: a flood from one of them lengthens its own wait, not that of the others. First come,
 * first served within one user.
 *
 * They share time, not turns: work of a second would otherwise get as many turns as work of a
 * millisecond. Whoever is served owes the time that it takes, and lets turns pass until that is paid off.
 * (Deficit round robin, by Shreedhar and Varghese, but paid afterwards: how long work takes is not known
 * before.)
 */
export class FairQueue<Item> {
  readonly #all = new Line<Item>();

  get size(): number {
    return this.#all.size;
  }

  /** How long all that waits is expected to take. */
  get ms(): number {
    return this.#all.ms;
  }

  /** @param ms how long the item is expected to take */
  push(turn: Turn, item: Item, ms: number): void {
    this.#all.push(namesOf(turn), item, ms);
  }

  /**
   * Goes round to the item whose turn it is; those who owe let theirs pass, and so pay. To be called only
   * when an item can be served: the one found stays at the head of the queue until it is taken out.
   */
  advance(): Item | undefined {
    return this.#all.advance();
  }

  /** All that waits, about in the order of turns. */
  all(): Iterable<Item> {
    return this.#all.all();
  }

  /** Takes the item out to be served; its site, client and user owe the time that it is expected to take. */
  serve(turn: Turn, item: Item): void {
    this.#all.take(namesOf(turn), item, true);
  }

  /** Takes the item out, and nobody owes anything. */
  remove(turn: Turn, item: Item): void {
    this.#all.take(namesOf(turn), item, false);
  }

  /** @param ms how much longer it took than was expected; less than 0 when it took less */
  charge(turn: Turn, ms: number): void {
    this.#all.charge(namesOf(turn), ms);
  }

  /** How long a newcomer waits for those served before it, if turns go round as they do now. */
  aheadMs(turn: Turn): number {
    return this.#all.aheadMs(namesOf(turn));
  }
}

type Names = readonly string[];

function namesOf({ site, client, user }: Turn): Names {
  return [site, client, user];
}

/** One level of the tree site → client → user; leaves hold items. */
class Line<Item> {
  /** The first in the Map is next. Some are empty and kept for what they owe. */
  readonly #lines = new Map<string, Line<Item>>();
  /** Each item with the time that it is expected to take. */
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

  /** @returns the time that the item was expected to take; undefined when it was not there */
  take([name, ...names]: Names, item: Item, isServed: boolean): number | undefined {
    const ms =
      name === undefined ? this.#items.get(item) : this.#takeFrom(name, names, item, isServed);
    if (ms === undefined) return undefined;
    this.#items.delete(item);
    this.size -= 1;
    // Exactly 0 when empty: adding and subtracting fractions leaves a rest.
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
    // Turns passed while nobody else waited cost nothing, so they earn no credit beyond one turn.
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

  /** How much of this line is served before one whose turn comes once the others have had `turnAt`. */
  #msBefore(turnAt: number): number {
    const untilThen = turnAt - this.owesMs;
    if (this.size === 0 || untilThen < 0) return 0;
    // An item whose turn has come by then is served to its end.
    return Math.min(this.ms, untilThen + this.ms / this.size);
  }

  /** Finds the line in turn. On the way, lines that owe time let theirs pass, whether they wait or not. */
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
