/** What a command says: text for people, or with `--json` a JSON object a line for programs. */

type Facts = { readonly event: string } & Readonly<Record<string, unknown>>;

/** A stream to somebody. */
export type Stream = {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
};

export class Output {
  readonly json: boolean;
  readonly #results: Stream;
  readonly #remarks: Stream;
  #isDrawn = false;

  /**
   * @param results what was asked for: standard output
   * @param remarks how it goes, for who waits: standard error
   */
  constructor(json: boolean, results: Stream, remarks: Stream) {
    this.json = json;
    this.#results = results;
    this.#remarks = remarks;
  }

  /** A result: one or the other. */
  tell(facts: Facts, text: string): void {
    this.clear();
    this.#results.write(this.json ? `${JSON.stringify(facts)}\n` : `${text}\n`);
  }

  /** For programs, among the results; people get it some other way. */
  tellPrograms(facts: Facts): void {
    if (this.json) this.#results.write(`${JSON.stringify(facts)}\n`);
  }

  /** For people, beside the results. */
  remark(text: string): void {
    this.clear();
    if (!this.json) this.#remarks.write(`${text}\n`);
  }

  /** Over what was drawn before, until it is cleared; on a terminal only. */
  draw(line: string): void {
    const { terminal } = this;
    if (terminal === undefined) return;
    this.#isDrawn = true;
    // A line that wraps could not be taken back.
    terminal.write(`\r${line.slice(0, (terminal.columns ?? 80) - 1)}\u001B[K`);
  }

  /** Else what comes next would stand behind it. */
  clear(): void {
    if (this.#isDrawn) this.terminal?.write('\r\u001B[K');
    this.#isDrawn = false;
  }

  /** Where a line can be written over and over again; undefined where it cannot. */
  get terminal(): Stream | undefined {
    return !this.json && this.#remarks.isTTY === true ? this.#remarks : undefined;
  }
}
