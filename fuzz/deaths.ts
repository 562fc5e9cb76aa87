import type { Mutant } from './finds.ts';

/** Log lines come a second late at the most; so many are not sent in several. */
const MOST_REMEMBERED = 2000;
const MOST_BYTES = 256e6;
/** In the name of a mutant that is sent once more. */
export const AGAIN = 'again-';

type Death = {
  readonly line: string;
  readonly mutant: Mutant | undefined;
  /** The machine had no time for the renderer: it was killed for that, not for what it did. */
  readonly isStarved: boolean;
};

/** Which mutants renderers died over, as the service logs it: some time after, in pieces of any length. */
export class Deaths {
  readonly #sent = new Map<string, Mutant>();
  #bytes = 0;
  #read = 0;

  /** To be told of each mutant before it is sent. */
  sent(mutant: Mutant): void {
    this.#sent.set(mutant.name, mutant);
    this.#bytes += mutant.bytes.length;
    for (const [name, { bytes }] of this.#sent) {
      if (this.#sent.size <= MOST_REMEMBERED && this.#bytes <= MOST_BYTES) break;
      this.#sent.delete(name);
      this.#bytes -= bytes.length;
    }
  }

  /**
   * Those told of since this was asked last.
   * @param log all that was written so far
   */
  in(log: string): Death[] {
    const end = log.lastIndexOf('\n') + 1;
    const lines = log.slice(this.#read, end).split('\n');
    this.#read = end;
    return lines
      .filter((line) => /a renderer died|killed two renderers/.test(line))
      .map((line) => {
        const name = /fuzz\/(?<name>[^/]+)\/1@/.exec(line)?.[1] ?? '';
        return {
          line,
          mutant: this.#sent.get(name.replace(AGAIN, '')),
          isStarved: isStarved(line),
        };
      });
  }
}

/** As the service judges it, who holds that against no picture. A renderer that hangs has all its time. */
function isStarved(line: string): boolean {
  const { elapsed, own } =
    /killed after (?<elapsed>\d+) ms, (?<own>\d+) of them its own doing/.exec(line)?.groups ?? {};
  return 3 * Number(own) < Number(elapsed);
}
