/** The containers that the README and the docs have their readers start, against image and service. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandsOf, parseCommand } from '../scripts/documented-commands.ts';
import { loadConfig } from '../src/config/load.ts';
import { runCommand } from './support/commands.ts';

const ROOT = join(import.meta.dirname, '..');
const IMAGE = 'avatar-proxy';
/** What waits to be written to the store of variants has so long when all else has ended. */
const LAST_WRITES_MS = 5000;
/** Leave a file behind that says how far they are. */
const KEEP_STATE = new Set(['audit', 'publish']);

type Container = {
  readonly line: string;
  /** Each with the values it was given; of a flag there are none. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  /** What runs in it; empty for the service. */
  readonly program: readonly string[];
};

const FLAGS = new Set(['-d', '--rm', '--read-only']);

const documents = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)];
const lines = documents
  .filter((name) => name.endsWith('.md'))
  .flatMap((name) => commandsOf(readFileSync(join(ROOT, name), 'utf8')))
  .filter((line) => line.startsWith('docker '));
const containers = lines.filter((line) => line.startsWith('docker run ')).map(readContainer);
const services = containers.filter(({ program }) => program.length === 0);
const commands = containers.filter(({ program }) => program.length > 0);

describe('the containers of the documentation', () => {
  it('are a service and commands', () => {
    expect(services).toHaveLength(1);
    expect(commands.length).toBeGreaterThan(1);
  });

  it.each(containers)(
    '$line: writes nothing to its image, and is told what the service is told',
    (container) => {
      expect(container.options.has('--read-only')).toBe(true);
      expect(container.options.get('--env-file')).toEqual([`${IMAGE}.env`]);
    },
  );

  it.each(services)(
    '$line: outlives a reboot, ends in peace, and is reached by its NGINX alone',
    async ({ options }) => {
      const { drainMs, deadlineMs, listener } = await loadConfig({});
      expect(options.get('--restart')).toEqual(['unless-stopped']);
      const seconds = Number(options.get('--stop-timeout')?.[0]);
      expect(seconds * 1000).toBeGreaterThan(drainMs + deadlineMs + LAST_WRITES_MS);
      expect(options.get('-p')).toEqual([`127.0.0.1:${listener.port}:${listener.port}`]);
    },
  );

  it('has the name by which other commands ask for it', () => {
    const names = lines.flatMap((line) => {
      const [, verb = '', ...words] = parseCommand(line).words;
      return ['logs', 'restart', 'exec'].includes(verb)
        ? words.filter((word) => word === IMAGE)
        : [];
    });
    expect(names.length).toBeGreaterThan(2);
    for (const { options } of services) expect(options.get('--name')).toEqual([IMAGE]);
  });

  it.each(commands)(
    '$line: is there in the image, and keeps how far it is where it may',
    async ({ options, program }) => {
      const [node, file, command = '', ...args] = program;
      const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
      const [, workdir] = /^FROM (?!.* AS ).*?^WORKDIR (\S+)/ms.exec(dockerfile) ?? [];
      expect([node, file]).toEqual(['node', `${workdir}/dist/cli.js`]);
      const { code, results } = await runCommand([command, '--help']);
      expect(code).toBe(0);
      for (const arg of args.filter((each) => each.startsWith('-'))) expect(results).toContain(arg);
      if (!KEEP_STATE.has(command)) return;
      // Relative, so that it is the working folder's.
      expect(results).toMatch(/default avatar-(?:audit\.csv|publish\.state)/);
      const [folder] = options.get('-w') ?? [];
      const [from, to, ...mode] = options.get('-v')?.[0]?.split(':') ?? [];
      expect([to, mode]).toEqual([folder, []]);
      const page = readFileSync(join(ROOT, 'docs', 'operating.md'), 'utf8');
      const [, user] = /^USER (\d+):/m.exec(dockerfile) ?? [];
      expect(page).toContain(`sudo install -d -o ${user} ${from}\n`);
    },
  );
});

function readContainer(line: string): Container {
  const [, , ...words] = parseCommand(line).words;
  const options = new Map<string, string[]>();
  let at = 0;
  for (; words[at]?.startsWith('-') === true; at += 1) {
    const name = words[at] ?? '';
    const values = options.get(name) ?? [];
    options.set(name, values);
    if (FLAGS.has(name)) continue;
    at += 1;
    values.push(words[at] ?? '');
  }
  expect(words[at]).toBe(IMAGE);
  return { line, options, program: words.slice(at + 1) };
}
