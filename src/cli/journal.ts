/**
 * How far a long walk is and what it found, so that it can go on after anything, `kill -9` included:
 * a small file that says how far, and a CSV of which it says how much holds. Rows are appended first; the
 * state that counts them follows by a rename, which happens or does not. Rows beyond what the state
 * counts are of a process that ended in between: they are cut off, and found again.
 */
import { type FileHandle, open, stat, unlink } from 'node:fs/promises';
import { csvRow } from './csv.ts';
import {
  checkHeld,
  isAbsence,
  JournalError,
  newState,
  readState,
  replaceState,
  type State,
  takeOver,
} from './state-file.ts';

const COMMIT_EVERY_MS = 2000;
const COMMIT_EVERY_STEPS = 200;

type JournalOptions = {
  /** Where the state is kept. */
  readonly file: string;
  /** Names what is walked and how. */
  readonly of: string;
  /** Where rows go, if there are any to be kept. */
  readonly csv?: { readonly file: string; readonly head: readonly string[] };
  /** By which another place can be named. */
  readonly option: '--csv' | '--state';
};

/** The state, and how to keep it elsewhere. */
type Place = Pick<JournalOptions, 'file' | 'option'>;

export class Journal {
  readonly #place: Place;
  readonly #csv: FileHandle | undefined;
  readonly #csvFile: string | undefined;
  readonly #counts: Map<string, number>;
  #state: State;
  #rows: string[] = [];
  #mark: string | undefined;
  #steps = 0;
  #committedAt = performance.now();

  private constructor(
    place: Place,
    state: State,
    csv?: { readonly file: string; readonly handle: FileHandle },
  ) {
    this.#place = place;
    this.#csv = csv?.handle;
    this.#csvFile = csv?.file;
    this.#state = state;
    this.#mark = state.mark;
    this.#counts = new Map(Object.entries(state.counts));
  }

  /** @throws JournalError, also when going on, or beginning, would spoil what is there */
  static async open(options: JournalOptions): Promise<Journal> {
    return await onDisk(options, () => Journal.#open(options));
  }

  static async #open({ file, of, csv, option }: JournalOptions): Promise<Journal> {
    const known = await readState(file);
    if (known === undefined && csv !== undefined && (await exists(csv.file))) {
      throw new JournalError(`${csv.file} exists already: name another file, or move it away`);
    }
    if (known !== undefined && known.of !== of) {
      throw new JournalError(
        `${file} is of another configuration, selection or version: move it away, or name another file`,
      );
    }
    // First: from now on the other file is known to be ours.
    const state = known?.finished === true ? known : await takeOver(file, known ?? newState(of));
    const place = { file, option };
    if (csv === undefined) return new Journal(place, state);
    const handle = await openCsv(csv.file, state);
    const journal = new Journal(place, state, { file: csv.file, handle });
    if (state.csvBytes === 0) journal.#rows.push(csvRow(csv.head));
    return journal;
  }

  /** Up to where all is done. */
  get mark(): string | undefined {
    return this.#mark;
  }

  get isFinished(): boolean {
    return this.#state.finished;
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  count(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  /**
   * All up to the mark is done, with this row to show for it, or none.
   * @throws JournalError
   */
  async step(mark: string, row?: readonly string[]): Promise<void> {
    this.#mark = mark;
    this.#steps += 1;
    if (row !== undefined) this.#rows.push(csvRow(row));
    const isDue =
      this.#steps >= COMMIT_EVERY_STEPS || performance.now() - this.#committedAt >= COMMIT_EVERY_MS;
    if (isDue) await this.commit();
  }

  /** @throws JournalError */
  async commit(finished = false): Promise<void> {
    await onDisk(this.#place, () => this.#commit(finished));
  }

  async #commit(finished: boolean): Promise<void> {
    await checkHeld(this.#place.file, this.#state);
    const text = this.#rows.join('');
    const { csvBytes } = this.#state;
    if (this.#csv !== undefined && text !== '') {
      const { bytesWritten } = await this.#csv.write(text, csvBytes);
      if (bytesWritten !== Buffer.byteLength(text))
        throw new JournalError('the disk took half of the rows');
      await this.#csv.datasync();
    }
    const state: State = {
      ...this.#state,
      mark: this.#mark,
      counts: Object.fromEntries(this.#counts),
      csvBytes: csvBytes + Buffer.byteLength(text),
      finished,
    };
    await replaceState(this.#place.file, state);
    this.#state = state;
    this.#rows = [];
    this.#steps = 0;
    this.#committedAt = performance.now();
  }

  async close(): Promise<void> {
    await onDisk(this.#place, async () => this.#csv?.close());
  }

  /**
   * There is nothing to go on with.
   * @throws JournalError
   */
  async remove(): Promise<void> {
    await onDisk(this.#place, async () => {
      // The other way about, a file would be left that nobody knows.
      if (this.#csvFile !== undefined) await unlink(this.#csvFile);
      await unlink(this.#place.file);
    });
  }
}

async function openCsv(file: string, { csvBytes, finished }: State): Promise<FileHandle> {
  const csv = await openKnown(file, csvBytes);
  if (csv === undefined || (await csv.stat()).size < csvBytes) {
    await csv?.close();
    throw new JournalError(`${file} is not as its state left it: move both away to begin anew`);
  }
  if (!finished) await csv.truncate(csvBytes);
  return csv;
}

/** @returns undefined when it should be there and is not */
async function openKnown(file: string, csvBytes: number): Promise<FileHandle | undefined> {
  if (csvBytes === 0) return await open(file, 'w+');
  try {
    return await open(file, 'r+');
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** @throws JournalError for what the system says of a file: it is full, read-only, not mounted */
async function onDisk<Result>(
  { file, option }: Place,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof JournalError || !(error instanceof Error && 'code' in error)) throw error;
    const why = `${file} cannot be kept: ${error.message}; ${option} names another place`;
    throw new JournalError(why, { cause: error });
  }
}

async function exists(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  );
}
