/** How much is gathered, and for how long, before it is written in one piece. */
const FULL = 16 * 1024;
const LATEST_MS = 250;

/** Gathers the lines of the log: a write for each costs more than the line. */
export class LineBuffer {
  readonly #write: (text: string) => void;
  #text = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  add(line: string): void {
    this.#text += line;
    if (this.#text.length >= FULL) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), LATEST_MS).unref();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    this.#write(text);
  }
}
