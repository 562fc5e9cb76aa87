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

  it('says how fast it is as the benchmarks do', () => {
    // When this fails after `npm run bench:full`: write what it has measured.
    const results = readFileSync(join(root, 'bench', 'RESULTS.md'), 'utf8');
    const measured = [
      /^\| avatar-proxy \| ([\d,]+) /m,
      /^\| avatar-proxy \| ([\d.]+) ±[^|]*\|[^|]*\| 0/m,
      /CPU ÷ Discourse's ImageMagick call[^|]*\|[^|]*\| ([\d.]+) /,
    ].map((pattern) => numberIn(results, pattern));
    const said = [/([\d,]+) hits/, /([\d,]+)\s+new\s+pictures/, /([\d,]+) %\s+of the\s+CPU/].map(
      (pattern) => numberIn(readme, pattern),
    );
    const [hits = 0, misses = 0, share = 0] = measured;
    for (const [index, number] of [hits, misses, share * 100].entries()) {
      expect(Math.abs((said[index] ?? 0) / number - 1)).toBeLessThan(0.1);
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

function numberIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1]?.replaceAll(',', ''));
}

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
