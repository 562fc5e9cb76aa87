/**
 * What the README and the docs tell their readers to type. Each command is run here, or checked as far as
 * it can be without what it needs; a command of another kind fails until somebody says which it is.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import packageDescription from '../package.json' with { type: 'json' };
import { commandsOf, type Command, parseCommand } from '../scripts/documented-commands.ts';
import { sectionOf } from '../scripts/sections.ts';
import { capacityDigest, capacityTable } from '../plan/capacity.ts';
import { FAULTS } from '../src/errors.ts';
import { problemHeaders } from '../src/http/headers.ts';
import { startApp } from './support/app.ts';
import { runCommand } from './support/commands.ts';
import { configurationOf } from './deploy/templates.ts';

const ROOT = join(import.meta.dirname, '..');
/** The planner simulates millions of requests. */
const PATIENCE = { timeout: 60_000 };
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const texts = new Map(DOCUMENTS.map((name) => [name, readFileSync(join(ROOT, name), 'utf8')]));
const commands = [...texts].flatMap(([name, text]) =>
  commandsOf(text).map((line) => ({ document: name, line, command: parseCommand(line) })),
);

/** What other commands write, for those after them. */
const MADE = new Set(
  commands.flatMap(({ command: { words } }) => words.filter((_word, at) => words[at - 1] === '>')),
);

/**
 * Need a cloud, a cluster, Docker, root's rights or another's database: what they would be told is shown
 * to be right by these.
 */
const NEEDS_MORE = new Map([
  ['aws', 'deploy/aws.test.ts'],
  ['docker', 'deploy/dockerfile.test.ts'],
  ['kubectl', 'deploy/kubernetes.test.ts'],
  ['psql', 'discourse/directory.test.ts'],
  ['sudo', 'deploy/nginx.test.ts'],
]);

/** Change what there is, or do not end: these run them. */
const NOT_HERE = new Map([
  ['audit', 'cli/audit.test.ts'],
  ['publish', 'cli/publish.test.ts'],
  ['serve', 'main.test.ts'],
]);

describe('the documentation', () => {
  it('has commands', () => {
    expect(commands.length).toBeGreaterThan(15);
  });

  it.each(commands)('$document: $line', PATIENCE, async ({ command }) => {
    await expect(check(command)).resolves.toBeUndefined();
  });

  it.each([...texts])('%s links to what is there', (name, text) => {
    const links = Array.from(text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g), ([, to = '']) => to);
    for (const link of links) {
      const [file = '', anchor] = link.split('#');
      const path = file === '' ? name : join(dirname(name), file);
      const isThere = existsSync(join(ROOT, path));
      const hasAnchor = anchor === undefined || (isThere && anchorsOf(path).includes(anchor));
      expect({ link, isThere, hasAnchor }).toEqual({ link, isThere: true, hasAnchor: true });
    }
  });

  it('has a table of contents in the README, with every page', () => {
    const contents =
      (texts.get('README.md') ?? '').split('\n## Documentation\n')[1]?.split('\n## ')[0] ?? '';
    const listed = Array.from(
      contents.matchAll(/\]\((docs\/[\w-]+\.md)\)/g),
      ([, page = '']) => page,
    );
    const pages = DOCUMENTS.filter((name) => name.startsWith('docs/'));
    expect(listed.toSorted()).toEqual(pages.toSorted());
  });

  it.each([...texts])('%s has settings that can be read', (_name, text) => {
    for (const [, language, content = ''] of text.matchAll(/^```(json|yaml)\n(.*?)^```/gms)) {
      const read = (): unknown => (language === 'json' ? JSON.parse(content) : parse(content));
      expect(read).not.toThrow();
    }
  });

  it.each(['README.md', 'docs/faults.md'])('says in %s which failures may be kept', (name) => {
    const kept = Object.values(FAULTS)
      .map(({ status }) => status)
      .filter((status) => problemHeaders(status)['cache-control'] !== 'no-store');
    const [, ...said] =
      /(\d{3})\s+and\s+(\d{3})\s+may\s+be\s+kept/.exec(texts.get(name) ?? '') ?? [];
    expect(said.map(Number)).toEqual([...new Set(kept)].toSorted((one, other) => one - other));
  });

  it('has the tables of what the planner is made of', () => {
    // When this fails: `npm run capacity`.
    const document = texts.get('docs/capacity.md') ?? '';
    const tables = ['bucket first', 'service first'].map((name) => sectionOf(document, name));
    for (const table of tables) expect(table.split('\n').length).toBeGreaterThan(10);
    expect(sectionOf(document, 'made of')).toBe(`<!-- ${capacityDigest(tables)} -->`);
  });

  it('says who sends the bill as those tables do', () => {
    const [, ...rows] = sectionOf(texts.get('docs/capacity.md') ?? '', 'bucket first').split('\n');
    const sumOf = (part: RegExp): number[] => {
      const cells = rows
        .filter((row) => part.test(row))
        .map((row) =>
          row
            .split('|')
            .slice(2, -1)
            .map((cell) => Number(cell.replace(/[*,]/g, ''))),
        );
      return (cells[0] ?? []).map((_cell, column) =>
        cells.reduce((sum, row) => sum + (row[column] ?? 0), 0),
      );
    };
    const all = sumOf(/together/);
    const shares = sumOf(/^\| CloudFront/).map((dollars, column) => dollars / (all[column] ?? 0));
    // 100,000 users, a million and more; README and page say so.
    expect(shares[0]).toBeLessThan(0.5);
    for (const share of shares.slice(1)) expect(share).toBeGreaterThan(0.85);
    for (const name of ['README.md', 'docs/capacity.md']) {
      expect(texts.get(name)).toMatch(/[Ff]rom a million users on,.*\bthe bill is the\s+CDN's/);
    }
  });

  it('names a region with every server that is not AWS, without which nothing can be signed', () => {
    const addresses = [...texts.values()].flatMap(
      (text) => text.match(/s3:\/\/[^\s'`]*endpoint=[^\s'`]*/g) ?? [],
    );
    expect(addresses.length).toBeGreaterThan(1);
    for (const address of addresses) expect(address).toMatch(/[?&]region=/);
  });

  it('has a comparison with the real service, and what was planned is what came', () => {
    // When this fails: `npm run plan:check`.
    const rows = sectionOf(texts.get('docs/capacity.md') ?? '', 'check')
      .split('\n')
      .slice(4);
    expect(rows).toHaveLength(6);
    for (const row of rows) {
      const [, , plan, real, ratio] = row.split('|').map((cell) => Number(cell));
      expect((plan ?? 0) / (real ?? 0)).toBeCloseTo(ratio ?? 0, 1);
      expect(Math.abs((ratio ?? 0) - 1), row).toBeLessThanOrEqual(0.2);
    }
  });

  it('has of the smallest forum what the planner says', PATIENCE, () => {
    // When this fails: `npm run capacity`.
    const document = texts.get('docs/capacity.md') ?? '';
    const [head, , ...rows] = capacityTable(true, 1).split('\n');
    // The formatter pads the columns of one that has more of them.
    const bare = (line: string): string => line.replaceAll(/ +/g, ' ').replace(/ ?\|$/, '');
    const documented = document.split('\n').map(bare);
    expect(rows.length).toBeGreaterThan(10);
    for (const row of [head ?? '', ...rows]) {
      expect(documented).toContainEqual(expect.stringMatching(startOf(bare(row))));
    }
  });
});

/** As GitHub makes them of headings. */
function anchorsOf(path: string): string[] {
  const headings = readFileSync(join(ROOT, path), 'utf8').matchAll(/^#+ (.*)$/gm);
  return Array.from(headings, ([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function startOf(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[$*|,.()]/g, String.raw`\$&`)}(?= |$)`);
}

/** @throws Error when it can't be as its reader is told */
async function check({ variables, words }: Command): Promise<void> {
  const [program = '', ...args] = words;
  const line = words.join(' ');
  if (program === '' || line === 'npm start') {
    // A value that is wrong, or a variable that nobody reads, throws.
    await configurationOf(variables);
    return;
  }
  const shownBy = NEEDS_MORE.get(program);
  if (shownBy !== undefined) {
    mustBeThere(shownBy);
    const paths = args.filter((word) => /^(?:deploy\/|\$PWD\/)/.test(word));
    const names = paths.map((path) => path.replace('$PWD/', ''));
    const missing = names.filter((name) => !MADE.has(name) && !existsSync(join(ROOT, name)));
    if (missing.length > 0) throw new Error(`${missing.join()} is not there`);
    return;
  }
  switch (program) {
    case 'npm':
      await checkScript(args);
      return;
    case 'npx':
      await checkCommand(args);
      return;
    case 'sed':
      await checkEdit(args);
      return;
    case 'curl':
      await checkAddress(args.at(-1) ?? '');
      return;
    default:
      throw new Error(`nobody has said how to check "${line}"`);
  }
}

/** The planner is run; the others have to be there. */
async function checkScript([verb = '', ...args]: readonly string[]): Promise<void> {
  if (verb === 'ci') return;
  const scripts: Record<string, string> = packageDescription.scripts;
  const name = verb === 'run' ? (args[0] ?? '') : verb;
  if (scripts[name] === undefined) throw new Error(`there is no script "${name}"`);
  if (name !== 'plan') return;
  const script = join(ROOT, 'scripts', 'plan.ts');
  const given = args.slice(args.indexOf('--') + 1);
  const times = ['--times', 'plan/reference-times.json'];
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...given, ...times], {
    cwd: ROOT,
  });
  if (!stdout.includes('instances by hour')) throw new Error(stdout);
}

function mustBeThere(test: string): void {
  if (!existsSync(join(import.meta.dirname, test))) throw new Error(`there is no ${test}`);
}

/** What changes nothing is run on the demo; of the others, whether there are such commands and options. */
async function checkCommand([
  program = '',
  command = '',
  ...args
]: readonly string[]): Promise<void> {
  if (!(program in packageDescription.bin)) throw new Error(`there is no ${program}`);
  const shownBy = NOT_HERE.get(command);
  if (shownBy !== undefined) mustBeThere(shownBy);
  const { code, results, remarks } = await runCommand([
    command,
    ...(shownBy === undefined ? args : ['--help']),
  ]);
  // Of the demo the doctor warns, as the README says.
  const isFine = command === 'doctor' ? code === 1 : code === 0;
  const unknown = args.filter((arg) => arg.startsWith('--') && !results.includes(arg));
  if (!isFine || unknown.length > 0) throw new Error(`${code} ${unknown.join()} ${remarks}`);
}

/** It finds what it is to change. */
async function checkEdit([expression = '', file = '']: readonly string[]): Promise<void> {
  const before = readFileSync(join(ROOT, file), 'utf8');
  const { stdout } = await promisify(execFile)('sed', [expression, join(ROOT, file)]);
  if (stdout === before) throw new Error(`${file} has nothing to change`);
}

/** Of the demo, wherever its reader has it. */
async function checkAddress(address: string): Promise<void> {
  const app = await startApp();
  onTestFinished(() => app.close());
  const { statusCode } = await app.server.inject(new URL(address).pathname);
  if (statusCode !== 200) throw new Error(`${address} is answered ${statusCode}`);
}
