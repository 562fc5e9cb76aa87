/**
 * Whose turn it is. A client is whoever sends the requests, as far as the service can tell; a user is
 * the one whose avatar is asked for.
 */
export type Turn = { readonly site: string; readonly client: string; readonly user: string };

/**
 * A queue in which sites take turns, within a site its clients, and within a client's requests the
 * users asked for: a flood from one of them lengthens its own wait, not that of the others. First come,
 * first served within one user.
 */
export class FairQueue<Item> {
  readonly #all = new Line<Item>();

  get size(): number {
    return this.#all.size;
  }

  push(turn: Turn, item: Item): void {
    this.#all.push(namesOf(turn), item);
  }

  /** Who is next, without taking it. */
  peek(): Item | undefined {
    return this.#all.peek();
  }

  shift(): Item | undefined {
    return this.#all.shift();
  }

  remove(turn: Turn, item: Item): void {
    this.#all.remove(namesOf(turn), item);
  }

  /** How many are served before a newcomer, when turns go round as they do now. */
  ahead(turn: Turn): number {
    return this.#all.ahead(namesOf(turn));
  }
}

type Names = readonly string[];

function namesOf({ site, client, user }: Turn): Names {
  return [site, client, user];
}

/** Those of one name, in lines of their own by the next one; behind the last name in their order. */
class Line<Item> {
  /** A Map keeps the order of insertion: deleted and set again, an entry is the last. */
  readonly #lines = new Map<string, Line<Item>>();
  readonly #items = new Set<Item>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push([name, ...names]: Names, item: Item): void {
    this.#size += 1;
    if (name === undefined) {
      this.#items.add(item);
      return;
    }
    const line = this.#lines.get(name) ?? new Line<Item>();
    this.#lines.set(name, line);
    line.push(names, item);
  }

  peek(): Item | undefined {
    const next = first(this.#lines.values());
    return next === undefined ? first(this.#items) : next.peek();
  }

  shift(): Item | undefined {
    const next = first(this.#lines);
    if (next === undefined) return this.#take(first(this.#items));
    const [name, line] = next;
    const item = line.shift();
    this.#size -= 1;
    this.#lines.delete(name);
    if (line.size > 0) this.#lines.set(name, line);
    return item;
  }

  /** @returns whether it was there */
  remove([name, ...names]: Names, item: Item): boolean {
    if (name === undefined) return this.#items.has(item) && this.#take(item) !== undefined;
    const line = this.#lines.get(name);
    if (line?.remove(names, item) !== true) return false;
    this.#size -= 1;
    if (line.size === 0) this.#lines.delete(name);
    return true;
  }

  ahead([name, ...names]: Names): number {
    if (name === undefined) return this.#size;
    const own = this.#lines.get(name);
    const ahead = own?.ahead(names) ?? 0;
    let sum = ahead;
    for (const line of this.#lines.values()) {
      // One turn of each before every turn of one's own.
      if (line !== own) sum += Math.min(line.size, ahead + 1);
    }
    return sum;
  }

  #take(item: Item | undefined): Item | undefined {
    if (item !== undefined && this.#items.delete(item)) this.#size -= 1;
    return item;
  }
}

function first<Member>(members: Iterable<Member>): Member | undefined {
  for (const member of members) return member;
  return undefined;
}
