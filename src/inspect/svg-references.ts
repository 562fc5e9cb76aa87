/**
 * Measures how much a vector drawing draws: an element can be used again by its name, from within an
 * element that is used again. Ten times ten times ten in a few lines freeze a visitor's browser.
 */

/** An element with its attributes, as its beginning has them. */
export type Tag = {
  readonly attributes: string;
  readonly kind: 'begins' | 'ends' | 'is empty';
};

/** Elements drawn, each as often as it is used. Half a megabyte of drawing has 30,000 at the most. */
const MOST_DRAWN = 50_000;
/** Elements in elements, and in those they refer to; bounds the recursion below. */
const DEEPEST = 500;

const ID = /\s(?:xml:)?id\s*=\s*(?:"(?<double>[^"]*)"|'(?<single>[^']*)')/gi;
const LINK = /href\s*=\s*(?:"\s*#(?<double>[^"]*)"|'\s*#(?<single>[^']*)')/gi;
const CALL = /url\(\s*(?:["']|&quot;|&apos;)?#(?<name>[^)"'&]*)/gi;
/** A name that can be written in one way only: no spaces, no escapes. */
const NAME = /^[\p{L}\p{N}_.:-]+$/u;

type Element = { readonly children: Element[]; readonly references: readonly string[] };

/** @returns false also for circles, and for references whose aim is not plain to see */
export function drawsWithinReason(tags: Iterable<Tag>): boolean {
  const drawing = new Drawing();
  for (const { attributes, kind } of tags) {
    if (kind === 'ends') {
      drawing.end();
      continue;
    }
    const references = attributes.includes('#')
      ? [...namesIn(attributes, LINK), ...namesIn(attributes, CALL)]
      : [];
    if (!references.every((name) => NAME.test(name))) return false;
    drawing.begin(attributes === '' ? [] : namesIn(attributes, ID), references);
    if (kind === 'is empty') drawing.end();
  }
  return drawing.drawn() <= MOST_DRAWN;
}

function namesIn(attributes: string, pattern: RegExp): string[] {
  return Array.from(attributes.matchAll(pattern), ({ groups = {} }) =>
    (groups['double'] ?? groups['single'] ?? groups['name'] ?? '').trim(),
  );
}

class Drawing {
  readonly #whole: Element = { children: [], references: [] };
  readonly #open = [this.#whole];
  /** Elements of one name count together, whichever of them is meant. */
  readonly #named = new Map<string, Element[]>();
  readonly #known = new Map<Element | string, number>();

  begin(names: readonly string[], references: readonly string[]): void {
    const element = { children: [], references };
    this.#open.at(-1)?.children.push(element);
    this.#open.push(element);
    for (const name of names) {
      const others = this.#named.get(name);
      if (others === undefined) this.#named.set(name, [element]);
      else others.push(element);
    }
  }

  end(): void {
    // A drawing with one end too many is the browser's to refuse.
    if (this.#open.length > 1) this.#open.pop();
  }

  /** @returns elements, as often as they are drawn; Infinity when one holds itself */
  drawn(): number {
    return this.#drawn(this.#whole, 0);
  }

  #drawn(what: Element | string, depth: number): number {
    if (depth > DEEPEST) return Infinity;
    const before = this.#known.get(what);
    if (before !== undefined) return before;
    // If it is met again before it is known, there is a circle. To go round until that is too deep would give
    // the same, and take three times as long.
    this.#known.set(what, Infinity);
    const parts =
      typeof what === 'string'
        ? (this.#named.get(what) ?? [])
        : [...what.children, ...what.references];
    let drawn = 1;
    for (const part of parts) drawn += this.#drawn(part, depth + 1);
    this.#known.set(what, drawn);
    return drawn;
  }
}
