/** From the name of an alert to its cause and cure, in one page. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROWS } from '../scripts/dashboard/panels.ts';
import { EnvironmentSchema } from '../src/config/schema.ts';

const root = join(import.meta.dirname, '..');
const page = readFileSync(join(root, 'docs', 'alerts.md'), 'utf8');
const rules = readFileSync(join(root, 'deploy', 'prometheus', 'alerts.yml'), 'utf8');
const template = readFileSync(join(root, 'deploy', 'aws', 'avatar-proxy.yaml'), 'utf8');
/** What stands in quotation marks: a panel, or a line of the log, which begins in lower case. */
const quoted = Array.from(page.matchAll(/"([^"]+)"/g), ([, text = '']) =>
  text.replace(/\s+/g, ' '),
);

describe('docs/alerts.md', () => {
  const alerts = Array.from(
    rules.matchAll(
      /- alert: (?<name>\w+)[^]*?severity: (?<severity>\w+)[^]*?runbook: (?<place>\S+)/g,
    ),
    ({ groups }) => ({ name: '', severity: '', place: '', ...groups }),
  );

  it('is where every alert says to look', () => {
    expect(alerts).toHaveLength(rules.split('- alert:').length - 1);
    for (const { name, place } of alerts) {
      expect(place).toBe(`docs/alerts.md#${name.toLowerCase()}`);
    }
  });

  it('begins with all of them, by how urgent they are', () => {
    const index = page.split('\n## ')[0] ?? '';
    const listed = index.split('\n- `').flatMap((item) => {
      const severity = item.split('`')[0] ?? '';
      return Array.from(item.matchAll(/\[(Avatar\w+)\]\(#(\w+)\)/g), ([, name = '', anchor]) => {
        expect(anchor).toBe(name.toLowerCase());
        return `${severity} ${name}`;
      });
    });
    const all = alerts.map(({ name, severity }) => `${severity} ${name}`);
    expect(listed.toSorted()).toEqual(all.toSorted());
  });

  it.each(alerts)('has meaning, first look and cure of $name', ({ name, severity }) => {
    const section = page.split(`\n### ${name}\n`)[1]?.split('\n#')[0] ?? '';
    expect(section).toMatch(
      /^\n\*\*Meaning\.\*\* [^]+\n\*\*First look\.\*\* [^]+\n\*\*Cure\.\*\* /,
    );
    expect(section).toContain(`(${severity})`);
  });

  it('knows no alert that there is not', () => {
    const named = Array.from(page.matchAll(/\bAvatar[A-Z]\w+/g), ([name]) => name);
    const known = new Set(alerts.map(({ name }) => name));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('has every alarm of the AWS template', () => {
    const alarms = Array.from(
      template.matchAll(/^ {2}(\w+):\n {4}Type: AWS::CloudWatch::Alarm$/gm),
      ([, name = '']) => name,
    );
    const listed = Array.from(page.matchAll(/^\| `(\w+Alarm)` /gm), ([, name = '']) => name);
    expect(alarms.length).toBeGreaterThan(5);
    expect(listed.toSorted()).toEqual(alarms.toSorted());
  });

  it('sends nobody to a panel that is not there', () => {
    const titles = new Set(ROWS.flatMap(({ panels }) => panels.map(({ title }) => title)));
    const panels = quoted.filter((text) => /^[A-Z]/.test(text));
    expect(panels.length).toBeGreaterThan(5);
    expect(panels.filter((title) => !titles.has(title))).toEqual([]);
  });

  it('quotes lines of the log as they are written', () => {
    const sources = globSync('src/**/*.ts', { cwd: root }).map((name) =>
      readFileSync(join(root, name), 'utf8'),
    );
    const lines = quoted.filter((text) => /^[a-z]+ /.test(text));
    expect(lines.length).toBeGreaterThan(5);
    const unknown = lines.filter((line) => !sources.some((text) => text.includes(`'${line}'`)));
    expect(unknown).toEqual([]);
  });

  it('names no variable that there is not', () => {
    const variables = Array.from(page.matchAll(/\b(?:AVATAR|ADMIN)_[A-Z_]+/g), ([name]) => name);
    expect(variables.filter((name) => !(name in EnvironmentSchema.properties))).toEqual([]);
  });
});
