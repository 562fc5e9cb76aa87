import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ROWS } from '../scripts/dashboard/panels.ts';
import { EnvironmentSchema } from '../src/config/schema.ts';
import { PictureHeaders, PLAIN_STYLE } from '../src/http/headers.ts';
import { type LogLine, startApp } from './support/app.ts';
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

  it('shows lines of the log as they are, with all of their fields', async () => {
    const shown = Array.from(operating.matchAll(/^\{"level".*$/gm), ([line]) => fieldsOf(line));
    const app = await startApp();
    onTestFinished(() => app.close());
    const path = '/user_avatar/demo/owl/96/2.png';
    const origin = await app.listen();
    const ask = async (): Promise<unknown> => (await fetch(origin + path)).arrayBuffer();
    await ask();
    await ask();
    await expect.poll(() => linesAbout(app.lines, path)).toHaveLength(2);
    const written = linesAbout(app.lines, path).map((line) => fieldsOf(JSON.stringify(line)));
    expect(shown).toEqual(written);
    const table = operating.split('### A line of the log')[1]?.split('\n## ')[0] ?? '';
    for (const name of written.flatMap((fields) => Object.keys(fields))) {
      expect(table).toMatch(new RegExp(`^\\|.*\`${name}\`.*\\|`, 'm'));
    }
  });

  it('says how long each redirect may be kept', () => {
    const headers = new PictureHeaders(PLAIN_STYLE);
    const rows = operating.split('\n## Redirects\n')[1]?.split('\n\nThey ')[0] ?? '';
    for (const because of ['size', 'upload'] as const) {
      const { 'cache-control': control } = headers.ofRedirect('/', because);
      expect(rows).toMatch(new RegExp(`\\| an? ${because} that .*: \`${control}\` *\\|`));
    }
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

function linesAbout(lines: readonly LogLine[], path: string): LogLine[] {
  return lines.filter((line) => line['path'] === path);
}

/** Of what differs from run to run, what it is; the rest as it is. */
function fieldsOf(line: string): Record<string, unknown> {
  const varies = new Set(['time', 'id', 'ms', 'stages']);
  const fields: Record<string, unknown> = JSON.parse(line);
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (name === 'stages') return [name, Object.keys(Object(value))];
      return [name, varies.has(name) ? typeof value : value];
    }),
  );
}
