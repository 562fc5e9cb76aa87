/** The small file that says how far a walk is: it is replaced whole, or not at all. */
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../errors.ts';

export type State = {
  readonly version: 1;
  /** Of what: a walk only goes on where it would pass the same things. */
  readonly of: string;
  readonly mark: string | undefined;
  readonly counts: Readonly<Record<string, number>>;
  readonly csvBytes: number;
  readonly finished: boolean;
  /** The run that keeps it: a name of its own for each. */
  readonly run: string;
};

/** The files are of something else, not as they were left, or the disk does not take them. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
}

export function newState(of: string): State {
  return { version: 1, of, mark: undefined, counts: {}, csvBytes: 0, finished: false, run: '' };
}

/** From now on a run that kept it before can keep it no more: no lock that is left by what was killed. */
export async function takeOver(file: string, state: State): Promise<State> {
  const taken = { ...state, run: randomUUID() };
  await replaceState(file, taken);
  return taken;
}

/** @throws JournalError when another run has taken it over */
export async function checkHeld(file: string, { run }: State): Promise<void> {
  const state = parseState(await readFile(file, 'utf8'));
  if (state?.run !== run) {
    throw new JournalError(
      `${file} is kept by another run, which went on from here: this one ends`,
    );
  }
}

export async function replaceState(file: string, state: State): Promise<void> {
  const name = `${file}.${state.run}.new`;
  try {
    await write(name, JSON.stringify(state));
    await rename(name, file);
  } catch (error) {
    await rm(name, { force: true });
    throw error;
  }
  // Else the rename itself may be lost with the machine.
  const folder = await open(dirname(file), 'r');
  await folder.sync().finally(() => folder.close());
}

async function write(file: string, text: string): Promise<void> {
  const draft = await open(file, 'w');
  try {
    await draft.writeFile(text);
    await draft.datasync();
  } finally {
    await draft.close();
  }
}

/** @returns undefined when there is none */
export async function readState(file: string): Promise<State | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
  const state = parseState(text);
  if (state === undefined) throw new JournalError(`${file} is no state of a walk: move it away`);
  return state;
}

function parseState(text: string): State | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  const [of, mark, counts] = [fields.get('of'), fields.get('mark'), fields.get('counts')];
  const [csvBytes, finished] = [fields.get('csvBytes'), fields.get('finished')];
  if (
    fields.get('version') !== 1 ||
    typeof of !== 'string' ||
    (mark !== undefined && typeof mark !== 'string') ||
    typeof counts !== 'object' ||
    counts === null ||
    typeof csvBytes !== 'number' ||
    typeof finished !== 'boolean'
  ) {
    return undefined;
  }
  const numbers = Object.entries(counts).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  const run = fields.get('run');
  return {
    version: 1,
    of,
    mark,
    counts: Object.fromEntries(numbers),
    csvBytes,
    finished,
    run: typeof run === 'string' ? run : '',
  };
}

export function isAbsence(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}
