import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationTable } from '../scripts/configuration-table.ts';
import { withSection } from '../scripts/sections.ts';
import { FAULTS } from '../src/errors.ts';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

describe('the README', () => {
  it('documents the configuration the schema has', () => {
    // When this fails: `npm run readme`.
    expect(withSection(readme, 'configuration', configurationTable())).toBe(readme);
  });

  it('names every code of a problem document, with its status', () => {
    const unseen = new Set(['client_left', 'animation_too_slow']);
    for (const [code, { status }] of Object.entries(FAULTS)) {
      if (unseen.has(code)) continue;
      expect(readme, code).toMatch(new RegExp(`\\| ${status} +\\|.*\`${code}\``));
    }
  });

  it('names no script that does not exist', () => {
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    );
    const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name ?? '');
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

describe('the page on security', () => {
  const page = readFileSync(join(root, 'docs', 'security.md'), 'utf8');

  it('names no test, bench or script that is not there', () => {
    const files = Array.from(page.matchAll(/`((?:test|bench)\/[^`]+)`/g), ([, file]) => file ?? '');
    expect(files.length).toBeGreaterThan(15);
    expect(files.filter((file) => globSync(file, { cwd: root }).length === 0)).toEqual([]);
  });

  it('has a test or a bench for every threat', () => {
    const rows = page.split('\n').filter((line) => /^\| (?!who|---)/.test(line));
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) expect(row.split('|').at(-2)).toMatch(/`(?:test|bench)\//);
  });
});
