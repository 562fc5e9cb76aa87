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
    this.#results.write(this.json ? `${JSON.stringify(facts)}\n` : `${text}\n`);
  }

  /** For programs, among the results; people get it some other way. */
  tellPrograms(facts: Facts): void {
    if (this.json) this.#results.write(`${JSON.stringify(facts)}\n`);
  }

  /** For people, beside the results. */
  remark(text: string): void {
    if (!this.json) this.#remarks.write(`${text}\n`);
  }

  /** Where a line can be written over and over again; undefined where it cannot. */
  get terminal(): Stream | undefined {
    return !this.json && this.#remarks.isTTY === true ? this.#remarks : undefined;
  }
}
