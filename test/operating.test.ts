import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, describe } from 'vitest';
import { ROWS } from '../scripts/dashboard/panels.ts';
import { EnvironmentSchema } from '../src/config/schema.ts';
import { startApp } from './support/app.ts';
import { parseExposition } from './support/exposition.ts';

const root = join(import.meta.dirname, '..');
const operating = readFileSync(join(root, 'docs', 'operating.md'), 'utf8');
const rules = readFileSync(join(root, 'deploy', 'prometheus', 'alerts.yml'), 'utf8');

describe('docs/operating.md', () => {
  const alerts = Array.from(
    rules.matchAll(
      /- alert: (?<name>\w+)[^]*?severity: (?<severity>\w+)[^]*?runbook: (?<place>\S+)/g,
    ),
    ({ groups }) => ({ name: '', severity: '', place: '', ...groups }),
  );

  it('is where every alert says to look', () => {
    expect(alerts).toHaveLength(rules.split('- alert:').length - 1);
    for (const { name, place } of alerts) {
      expect(place).toBe(`docs/operating.md#${name.toLowerCase()}`);
    }
  });

  it.each(alerts)('has meaning, first look and cure of $name', ({ name, severity }) => {
    const section = operating.split(`\n### ${name}\n`)[1]?.split('\n#')[0] ?? '';
    expect(section).toMatch(
      /^\n\*\*Meaning\.\*\* [^]+\n\*\*First look\.\*\* [^]+\n\*\*Cure\.\*\* /,
    );
    expect(section).toContain(`(${severity})`);
  });

  it('knows no alert that there is not', () => {
    const named = Array.from(operating.matchAll(/\bAvatar[A-Z]\w+/g), ([name]) => name);
    const known = new Set(alerts.map(({ name }) => name));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('names every metric of the service, and no other', async () => {
    const app = await startApp();
    const { body } = await app.admin.inject('/metrics');
    await app.close();
    const exported = [...parseExposition(body).keys()];
    const named = new Set(
      Array.from(operating.matchAll(/`((?:avatar|nodejs|process)_\w+[a-z])`/g), ([, name]) => name),
    );
    const own = exported.filter((name) => name.startsWith('avatar_'));
    expect(own.filter((name) => !named.has(name))).toEqual([]);
    expect([...named].filter((name) => name !== undefined && !exported.includes(name))).toEqual([]);
  });

  it('sends nobody to a panel or a variable that is not there', () => {
    const titles = new Set(ROWS.flatMap(({ panels }) => panels.map(({ title }) => title)));
    const looks = operating.split('## Alerts')[1]?.split('## Metrics')[0] ?? '';
    // What stands in quotation marks is a panel, or a line of the log, which begins in lower case.
    const quoted = Array.from(looks.matchAll(/"([A-Z][^"]+)"/g), ([, title = '']) => title);
    expect(quoted.length).toBeGreaterThan(5);
    expect(quoted.filter((title) => !titles.has(title.replace(/\s+/g, ' ')))).toEqual([]);
    const variables = Array.from(
      operating.matchAll(/\b(?:AVATAR|ADMIN)_[A-Z_]+/g),
      ([name]) => name,
    );
    expect(variables.filter((name) => !(name in EnvironmentSchema.properties))).toEqual([]);
  });
});
