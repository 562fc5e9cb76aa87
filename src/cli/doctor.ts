/** `avatar-proxy doctor`: what would keep the service from working, and how to mend it. */
import { ConfigError } from '../config/error.ts';
import { type Config, loadConfig } from '../config/load.ts';
import { redact } from '../config/redact.ts';
import { orAbort } from '../flow/abort.ts';
import type { Call, Command } from './command.ts';
import { checkAvatars, NO_SAMPLE } from './doctor/avatars.ts';
import { brokenConfiguration, checkConfiguration } from './doctor/configuration.ts';
import { checkDatabase } from './doctor/directory.ts';
import type { Finding } from './doctor/finding.ts';
import { checkMachine } from './doctor/machine.ts';
import { checkRendering } from './doctor/rendering.ts';
import { checkStore } from './doctor/stores.ts';
import { checkVariants } from './doctor/variants.ts';
import { EXIT, type ExitCode } from './exit.ts';
import type { Output } from './output.ts';

export const doctor: Command = {
  name: 'doctor',
  summary: 'check everything the service needs, and tell how to mend what is wrong',
  details: [
    'Looks at the configuration, each store (credentials, region, clock, rights), the database and its\n' +
      'grants, a few real avatars, every codec and a render. Changes nothing.',
    'Exit code 0 when all is well, 1 when there are warnings, 2 when something is broken.',
  ],
  options: {},
  run: runDoctor,
};

async function runDoctor({ variables, output, signal }: Call): Promise<ExitCode> {
  const findings: Finding[] = [];
  for await (const group of examine(variables, signal)) {
    for (const finding of group) tell(finding, output);
    findings.push(...group);
  }
  const warnings = findings.filter(({ state }) => state === 'warning').length;
  const broken = findings.filter(({ state }) => state === 'broken').length;
  output.tell({ event: 'end', warnings, broken }, `\n${broken} broken, ${warnings} warnings`);
  if (broken > 0) return EXIT.failed;
  return warnings > 0 ? EXIT.findings : EXIT.ok;
}

async function* examine(
  variables: Call['variables'],
  signal: AbortSignal,
): AsyncGenerator<readonly Finding[]> {
  let config: Config;
  try {
    config = await loadConfig(variables);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    yield brokenConfiguration(error);
    return;
  }
  yield checkConfiguration(config);
  yield checkMachine(config, variables);
  // Each waits for somebody else: all at once, and told in this order.
  const stores = config.originals.map((address) => checkStore(address, config, signal));
  // A store that does not answer would take its time with each avatar as well.
  const sample = Promise.all(stores).then((groups) =>
    groups.flat().some(({ state }) => state === 'broken')
      ? NO_SAMPLE
      : checkAvatars(config, signal),
  );
  const rendering = sample.then(({ original }) => checkRendering(config, original, signal));
  const groups = [
    ...stores,
    ...(config.variantStore === undefined
      ? []
      : [checkVariants(config.variantStore, config, signal)]),
    ...(config.locator.kind === 'discourse'
      ? config.locator.sites.sites.map((site) => checkDatabase(site, config))
      : []),
    sample.then(({ findings }) => findings),
    rendering,
  ];
  for (const group of groups) group.catch(() => undefined);
  // What is interrupted fails in each in a way of its own, and is no finding.
  for (const group of groups) yield await orAbort(group, signal);
}

const MARKS = { ok: 'ok     ', hint: 'hint   ', warning: 'WARNING', broken: 'BROKEN ' } as const;

function tell({ check, state, says, mend }: Finding, output: Output): void {
  const lines = [`${MARKS[state]}  ${check}: ${oneLine(says)}`];
  if (mend !== undefined) lines.push(`         → ${oneLine(mend)}`);
  output.tell(
    {
      event: 'finding',
      check,
      state,
      says: oneLine(says),
      ...(mend === undefined ? {} : { mend: oneLine(mend) }),
    },
    lines.join('\n'),
  );
}

function oneLine(text: string): string {
  return redact(text.replaceAll(/\s+/g, ' '));
}
