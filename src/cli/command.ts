/** What a command is, how its arguments are read, and how it describes itself. */
import { parseArgs } from 'node:util';
import type { ExitCode } from './exit.ts';
import { distance, nearestTo } from './nearest.ts';
import type { Output } from './output.ts';

export type Option = {
  /** What stands for its value in the help; none: a flag. */
  readonly value?: string;
  readonly description: string;
  /** For short. */
  readonly letter?: string;
};

export type Command = {
  readonly name: string;
  /** What follows the name, without options: `check|print`. */
  readonly operands?: string;
  readonly summary: string;
  /** Paragraphs of the help. */
  readonly details: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  /** False where all it says is a log. */
  readonly hasResults?: false;
  run(call: Call): Promise<ExitCode>;
};

/** One call of a command, with all it may know of its surroundings. */
export type Call = {
  readonly values: Values;
  readonly operands: readonly string[];
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly output: Output;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
};

/** It was called in a way that makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const JSON_LINES: Option = { description: 'one JSON object a line, for programs' };
const HELP: Option = { description: 'this', letter: 'h' };

function optionsOf({ options, hasResults }: Command): Readonly<Record<string, Option>> {
  return { ...options, ...(hasResults === false ? {} : { json: JSON_LINES }), help: HELP };
}

/** Of the keys; what differs by more was hardly meant. */
const MOST_SLIPS = 2;

/** @throws UsageError */
export function readArguments(
  command: Command,
  args: readonly string[],
): { values: Values; operands: readonly string[] } {
  const options = Object.fromEntries(
    Object.entries(optionsOf(command)).map(([name, { value, letter }]) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        ...(letter === undefined ? {} : { short: letter }),
      },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    if (command.operands === undefined && positionals.length > 0) {
      throw new UsageError(`${command.name} takes no "${positionals.join(' ')}"`);
    }
    const empty = Object.keys(values).find((name) => values[name] === '');
    // Of a shell variable that is not set; it would select nobody.
    if (empty !== undefined) throw new UsageError(`--${empty} is empty`);
    return { values: new Values(values), operands: positionals };
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(sayWrong(command, error.message));
    throw error;
  }
}

/** What Node says of an unknown option is advice for other commands. */
function sayWrong(command: Command, message: string): string {
  const [, given] = /^Unknown option '(-[^']+)'/.exec(message) ?? [];
  if (given === undefined) return message;
  const known = Object.keys(optionsOf(command)).map((name) => `--${name}`);
  const nearest = nearestTo(given, known);
  const perhaps = distance(nearest, given) > MOST_SLIPS ? '' : `: perhaps ${nearest}`;
  return `${command.name} has no ${given}${perhaps}`;
}

export function help(command: Command): string {
  const rows = Object.entries(optionsOf(command)).map(
    ([name, { value, description }]) =>
      [`--${name}${value === undefined ? '' : ` ${value}`}`, description] as const,
  );
  return [
    `avatar-proxy ${command.name} ${command.operands === undefined ? '' : `${command.operands} `}[options]`,
    '',
    ...command.details.flatMap((paragraph) => [paragraph, '']),
    columns(rows),
  ].join('\n');
}

/** Two columns, the first as wide as it has to be. */
export function columns(rows: ReadonlyArray<readonly [string, string]>): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join('');
}

/** The options of a call, read as what they are to be. Each throws a UsageError for what is not. */
export class Values {
  readonly #given: Readonly<Record<string, unknown>>;

  constructor(given: Readonly<Record<string, unknown>>) {
    this.#given = given;
  }

  has(name: string): boolean {
    return this.#given[name] !== undefined;
  }

  text(name: string): string | undefined {
    const value = this.#given[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** Above 0. */
  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!Number.isFinite(value) || value <= 0)
      throw new UsageError(`--${name} is a number above 0`);
    return value;
  }

  /** Without a time of day, that day's beginning in UTC. */
  date(name: string): Date | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const date = new Date(text);
    if (!isDay(text.slice(0, 10)) || Number.isNaN(date.getTime())) {
      throw new UsageError(`--${name} is a date: 2026-01-31 or 2026-01-31T12:00:00Z`);
    }
    return date;
  }
}

/** February has no 31st, which would be taken for a day of March. */
function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const day = new Date(text);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}
