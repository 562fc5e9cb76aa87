import type { ConfigError } from '../../config/error.ts';
import type { Config } from '../../config/load.ts';
import { EnvironmentSchema } from '../../config/schema.ts';
import { nearestTo } from '../nearest.ts';
import { broken, type Finding, ok, warning } from './finding.ts';

const KNOWN = Object.keys(EnvironmentSchema.properties);

export function brokenConfiguration({ issues, unknownVariables }: ConfigError): Finding[] {
  const wrong = issues.map(({ variable, value, allowed }) =>
    broken(`variable ${variable}`, `${JSON.stringify(value)} cannot be used`, allowed),
  );
  return [...wrong, ...withoutEffect(unknownVariables)];
}

export function checkConfiguration({ unknownVariables, isDemo }: Config): Finding[] {
  const findings = withoutEffect(unknownVariables);
  if (isDemo) {
    findings.push(
      warning(
        'AVATAR_ORIGINALS',
        'is not set: the demo avatars are served',
        'name your stores in it',
      ),
    );
  }
  return findings.length > 0 ? findings : [ok('configuration', 'all of it can be used')];
}

function withoutEffect(variables: readonly string[]): Finding[] {
  return variables.map((name) =>
    warning(
      `variable ${name}`,
      'is not known, and so without effect',
      `correct its name, perhaps to ${nearestTo(name, KNOWN)}, or remove it`,
    ),
  );
}
