/** What the service tells of itself, as it is documented. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type LogLine, startApp } from './support/app.ts';
import { parseExposition } from './support/exposition.ts';

const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'metrics.md'), 'utf8');

describe('docs/metrics.md', () => {
  it('names every metric of the service, and no other', async () => {
    const app = await startApp();
    const { body } = await app.admin.inject('/metrics');
    await app.close();
    const exported = [...parseExposition(body).keys()];
    const named = new Set(
      Array.from(page.matchAll(/`((?:avatar|nodejs|process)_\w+[a-z])`/g), ([, name]) => name),
    );
    const own = exported.filter((name) => name.startsWith('avatar_'));
    expect(own.filter((name) => !named.has(name))).toEqual([]);
    expect([...named].filter((name) => name !== undefined && !exported.includes(name))).toEqual([]);
  });

  it('shows lines of the log as they are, with all of their fields', async () => {
    const shown = Array.from(page.matchAll(/^\{"level".*$/gm), ([line]) => fieldsOf(line));
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
    const table = page.split('## A line of the log')[1]?.split('\n## ')[0] ?? '';
    for (const name of written.flatMap((fields) => Object.keys(fields))) {
      expect(table).toMatch(new RegExp(`^\\|.*\`${name}\`.*\\|`, 'm'));
    }
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
