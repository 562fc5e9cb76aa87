/** From arguments to an exit code. */
import { ConfigError } from '../config/error.ts';
import { redact } from '../config/redact.ts';
import { VERSION } from '../config/version.ts';
import { AvatarError } from '../errors.ts';
import { columns, type Command, help, readArguments, UsageError } from './command.ts';
import { detailOf } from './attempt.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { Output, type Stream } from './output.ts';
import { JournalError } from './state-file.ts';

type Surroundings = {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly results: Stream;
  readonly remarks: Stream;
  /** Asked for by commands that can be interrupted; aborts at Ctrl-C. */
  interruption(): AbortSignal;
};

/** Each is loaded when it is called: the AWS SDK takes its time. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serve,
  config: async () => (await import('./config.ts')).config,
  doctor: async () => (await import('./doctor.ts')).doctor,
  audit: async () => (await import('./audit.ts')).audit,
  publish: async () => (await import('./publish.ts')).publish,
};

export async function runCommandLine(
  args: readonly string[],
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { results, remarks } = surroundings;
  const [name = '--help', ...rest] = args;
  if (name === '--version') {
    results.write(`${VERSION}\n`);
    return EXIT.ok;
  }
  const [of] = rest;
  if (name === 'help' && of !== undefined)
    return await runCommandLine([of, '--help'], surroundings);
  if (['help', '--help', '-h'].includes(name)) {
    results.write(await overview());
    return args.length === 0 ? EXIT.usage : EXIT.ok;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) {
    remarks.write(`There is no command "${name}".\n\n${await overview()}`);
    return EXIT.usage;
  }
  return await runCommand(await load(), rest, surroundings);
}

async function runCommand(
  command: Command,
  args: readonly string[],
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { variables, results, remarks } = surroundings;
  try {
    const { values, operands } = readArguments(command, args);
    if (values.has('help')) {
      results.write(help(command));
      return EXIT.ok;
    }
    const output = new Output(values.has('json'), results, remarks);
    const signal = command.name === 'serve' ? NEVER : surroundings.interruption();
    try {
      return await command.run({ values, operands, variables, output, signal });
    } catch (error) {
      if (!signal.aborted) throw error;
      output.tell({ event: 'interrupted' }, 'Stopped.');
      return EXIT.interrupted;
    }
  } catch (error) {
    return explain(error, command.name, remarks);
  }
}

/** The service sees to its signals itself. */
const NEVER = new AbortController().signal;

/** @throws what nobody has foreseen of the service, which ends by it and says so itself */
function explain(error: unknown, name: string, remarks: Stream): ExitCode {
  if (error instanceof UsageError) {
    remarks.write(`${error.message}\nSee avatar-proxy ${name} --help\n`);
    return EXIT.usage;
  }
  if (error instanceof ConfigError) {
    remarks.write(`${error.message}\n`);
    return EXIT.config;
  }
  if (error instanceof AvatarError || error instanceof JournalError) {
    remarks.write(`${redact(error instanceof AvatarError ? detailOf(error) : error.message)}\n`);
    return EXIT.failed;
  }
  if (name === 'serve') throw error;
  // Node would end with 1, which here says that avatars are broken.
  const stack = error instanceof Error ? error.stack : undefined;
  remarks.write(`this should not have happened: ${redact(stack ?? String(error))}\n`);
  return EXIT.failed;
}

async function overview(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  return [
    'avatar-proxy COMMAND [options]',
    '',
    columns(commands.map(({ name, summary }) => [name, summary])),
    'avatar-proxy COMMAND --help tells more of each. All are configured by the environment, as the\n' +
      'service is.\n',
  ].join('\n');
}
