/** Mutants that did what none should, kept as files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type FindKind =
  /** The process that listens has ended, or does not answer any more. */
  | 'service-down'
  /** A renderer died over it, or it was put into quarantine. */
  | 'renderer-death'
  /** No answer at all, or later than any answer may be. */
  | 'no-answer'
  | 'slow'
  /** An answer that is not documented for a bad picture, or a picture that is not what was asked for. */
  | 'wrong-answer'
  | 'too-much-memory'
  /** A known good picture is not shown as it should be. */
  | 'others-suffer'
  | 'inspector-throws'
  | 'inspector-slow'
  | 'inspector-unsound';

export type Mutant = { readonly name: string; readonly bytes: Buffer };

export class Finds {
  readonly #folder: string;
  readonly #found: { kind: FindKind; what: string; file: string }[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  get count(): number {
    return this.#found.length;
  }

  get isFatal(): boolean {
    return this.#found.some(({ kind }) => kind === 'service-down');
  }

  add(kind: FindKind, what: string, mutant?: Mutant): void {
    const file = mutant === undefined ? '' : join(this.#folder, `${kind}-${mutant.name}`);
    if (mutant !== undefined) {
      mkdirSync(this.#folder, { recursive: true });
      writeFileSync(file, mutant.bytes);
    }
    this.#found.push({ kind, what, file });
    process.stderr.write(`  ${kind}: ${what} ${file}\n`);
  }

  toString(): string {
    return this.#found.map(({ kind, what, file }) => `${kind}: ${what} ${file}\n`).join('');
  }
}
