/** `avatar-proxy config`: what the service would be started with. */
import { type Config, loadConfig } from '../config/load.ts';
import { redactVariable } from '../config/redact.ts';
import { EnvironmentSchema } from '../config/schema.ts';
import { type Call, type Command, UsageError } from './command.ts';
import { EXIT, type ExitCode } from './exit.ts';
import type { Output } from './output.ts';

const MEGABYTE = 1024 * 1024;

export const config: Command = {
  name: 'config',
  operands: 'check|print',
  summary: 'check the configuration, or print it without its secrets',
  details: [
    'check: exit code 0 when it can be used, 1 when a variable is unknown, 78 when it cannot be used.',
    'print: each variable with the value the service would have, or what it means that it has none;\n' +
      'passwords, tokens and keys are left out.',
  ],
  options: {},
  async run(call): Promise<ExitCode> {
    const [what, ...more] = call.operands;
    if (more.length === 0 && what === 'check') return await check(call);
    if (more.length === 0 && what === 'print') return await print(call);
    throw new UsageError('config check, or config print');
  },
};

async function check({ variables, output }: Call): Promise<ExitCode> {
  const { unknownVariables } = await loadConfig(variables);
  for (const variable of unknownVariables) {
    output.tell({ event: 'unknown', variable }, `${variable} is no variable of this version`);
  }
  const isFine = unknownVariables.length === 0;
  output.tell(
    { event: 'usable', unknown: unknownVariables.length },
    'The configuration can be used',
  );
  return isFine ? EXIT.ok : EXIT.findings;
}

type Property = { readonly default?: string | number; readonly documentedDefault?: string };

async function print({ variables, output }: Call): Promise<ExitCode> {
  const found = findDefaults(await loadConfig(variables));
  for (const [variable, property] of Object.entries<Property>(EnvironmentSchema.properties)) {
    const given = variables[variable];
    if (given !== undefined && given !== '') {
      tellGiven(output, variable, given);
    } else {
      const value = found[variable] ?? String(property.default ?? '');
      const means = value === '' ? property.documentedDefault?.replaceAll('`', '') : undefined;
      output.tell(
        { event: 'variable', variable, value, ...(means && { means }), from: 'default' },
        means === undefined ? `# ${variable}=${value}` : `# ${variable} is not set: ${means}`,
      );
    }
  }
  // What the SDK reads decides as much as what is ours.
  const ofAws = Object.keys(variables).filter((name) => name.startsWith('AWS_'));
  for (const variable of ofAws.toSorted()) tellGiven(output, variable, variables[variable] ?? '');
  return EXIT.ok;
}

function tellGiven(output: Output, variable: string, given: string): void {
  const value = redactVariable(variable, given);
  // In a file of the environment a value ends with its line; a list of several is read alike in one.
  const line = value.trim().replaceAll(/\s*\n\s*/g, ' ');
  output.tell({ event: 'variable', variable, value, from: 'environment' }, `${variable}=${line}`);
}

/** Those the schema has only words for, as they came out here; none where no value would say it. */
function findDefaults(config: Config): Readonly<Record<string, string | undefined>> {
  const { originals, isDemo, locator, sizes, missing, format, memoryBytes } = config;
  const [demo] = isDemo ? originals : [];
  return {
    AVATAR_ORIGINALS: demo?.kind === 'folder' ? `file:${demo.directory}` : undefined,
    AVATAR_SIZES: sizes === 'any' || locator.kind === 'template' ? 'any' : undefined,
    AVATAR_MISSING: missing,
    AVATAR_FORMAT: format,
    AVATAR_MEMORY_MB: String(memoryBytes / MEGABYTE),
    AVATAR_RENDERS: String(config.renders),
    AVATAR_TRACING: String(config.tracing),
  };
}
