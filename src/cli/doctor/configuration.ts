import type { ConfigError } from '../../config/error.ts';
import type { Config } from '../../config/load.ts';
import { EnvironmentSchema } from '../../config/schema.ts';
import { broken, type Finding, ok, warning } from './finding.ts';

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
      `correct its name, perhaps to ${nearestTo(name)}, or remove it`,
    ),
  );
}

function nearestTo(name: string): string {
  const known = Object.keys(EnvironmentSchema.properties);
  return known.reduce((best, each) => (distance(each, name) < distance(best, name) ? each : best));
}

/** By Levenshtein: how many letters have to be put in, left out or changed. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of a.split('').entries()) {
    const next = [i + 1];
    for (const [j, other] of b.split('').entries()) {
      const changed = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
