import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import packageDescription from '../../package.json' with { type: 'json' };
import { loadConfig } from '../../src/config/load.ts';
import { EnvironmentSchema } from '../../src/config/schema.ts';
import { startApp } from '../support/app.ts';
import { freePort } from '../support/ports.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** What is not ours: read by Node or libuv. */
const OF_OTHERS = ['NODE_ENV', 'UV_THREADPOOL_SIZE'];

const instructions = parseDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));
const ignore = readFileSync(join(ROOT, '.dockerignore'), 'utf8');
const stages = stagesOf(instructions);
const runtime = stages.at(-1)?.instructions ?? [];

describe('the Dockerfile', () => {
  it('builds in one stage and runs in another, of the same pinned image', () => {
    expect(stages.map(({ name }) => name)).toEqual(['build', undefined]);
    expect(new Set(stages.map(({ image }) => image)).size).toBe(1);
    expect(stages[0]?.image).toMatch(/^node:\d+\.\d+\.\d+-[a-z]+-slim$/);
  });

  it('runs the Node the service is tested with', () => {
    const { devDependencies } = packageDescription;
    expect(stages[0]?.image).toContain(`node:${devDependencies.node}-`);
  });

  it('copies from the repository only what is there and not ignored', () => {
    const sources = stages.flatMap((stage) => sourcesOf(stage.instructions));
    expect(sources).toEqual(expect.arrayContaining(['package.json', 'src', 'demo']));
    for (const source of sources) {
      expect({ source, isThere: existsSync(join(ROOT, source)) }).toEqual({
        source,
        isThere: true,
      });
      expect({ source, isIgnored: isIgnored(source, ignore) }).toEqual({
        source,
        isIgnored: false,
      });
    }
  });

  it('copies all that is not ignored', () => {
    const shown = Array.from(ignore.matchAll(/^!(.+)$/gm), ([, name]) => name);
    const sources = stages.flatMap((stage) => sourcesOf(stage.instructions));
    expect(new Set(shown)).toEqual(new Set(sources));
  });

  it.each(['.git', '.env', 'node_modules', 'dist', 'coverage', 'test', 'Dockerfile', 'id_rsa'])(
    'never sees %s',
    (name) => {
      expect(isIgnored(name, ignore)).toBe(true);
    },
  );

  it('takes from the build stage what the build leaves there', () => {
    const workdir = valueOf('WORKDIR', stages[0]?.instructions ?? []);
    const taken = runtime.filter(({ text }) => text.startsWith('--from=build '));
    expect(taken.map(({ text }) => text.split(' ')[1])).toEqual([
      `${workdir}/package.json`,
      `${workdir}/node_modules`,
      `${workdir}/dist`,
    ]);
  });

  it('leaves only production packages behind', () => {
    const installs = (stages[0]?.instructions ?? [])
      .filter(({ name }) => name === 'RUN')
      .map(({ text }) => text);
    expect(installs).toEqual(['npm ci', 'npm run build', 'npm ci --omit=dev']);
  });

  it('sets no variable that nobody reads', () => {
    const names = runtime
      .filter(({ name }) => name === 'ENV')
      .flatMap(({ text }) => Array.from(text.matchAll(/([A-Z_]+)=/g), (match) => match[1] ?? ''));
    expect(names).toEqual(expect.arrayContaining(OF_OTHERS));
    const known = new Set([...Object.keys(EnvironmentSchema.properties), ...OF_OTHERS]);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });

  it('exposes the port the service listens on', async () => {
    expect(Number(valueOf('EXPOSE', runtime))).toBe((await loadConfig({})).listener.port);
  });

  it('is run by a number which is not root', () => {
    expect(valueOf('USER', runtime)).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    const order = runtime.map(({ name }) => name);
    expect(order.lastIndexOf('USER')).toBeGreaterThan(order.lastIndexOf('RUN'));
  });

  it('starts the service without a shell, which would keep the signals for itself', () => {
    expect(execForm(valueOf('CMD', runtime))).toEqual(['node', 'dist/main.js']);
    expect(existsSync(join(ROOT, 'src', 'main.ts'))).toBe(true);
    expect(valueOf('STOPSIGNAL', runtime)).toBe('SIGTERM');
  });
});

describe('the health check', () => {
  const command = execForm(valueOf('HEALTHCHECK', runtime).replace(/^.*? CMD (?=\[)/, ''));

  it('is content with a service that answers', async () => {
    const app = await startApp();
    onTestFinished(() => app.close());
    const { port } = new URL(await app.listen());
    expect(await exitCodeOf(command, { PORT: port })).toBe(0);
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((of) =>
    of?.some(({ address }) => address === '::1'),
  );
  const hosts = ['0.0.0.0', '127.0.0.2', ...(hasIpv6 ? ['::', '::1'] : [])];

  it.each(hosts)('asks where it listens, as on %s', async (host) => {
    const app = await startApp();
    onTestFinished(() => app.close());
    const { port } = new URL(await app.server.listen({ host, port: 0 }));
    expect(await exitCodeOf(command, { HOST: host, PORT: port })).toBe(0);
  });

  it('is not content when nobody listens', async () => {
    expect(await exitCodeOf(command, { PORT: String(await freePort()) })).toBe(1);
  });

  it('looks at the usual port when none is set', async () => {
    expect(command.join(' ')).toContain(`|| ${(await loadConfig({})).listener.port},`);
  });
});

type Instruction = { readonly name: string; readonly text: string };
type Stage = {
  readonly image: string;
  readonly name: string | undefined;
  readonly instructions: Instruction[];
};

/** Without comments, with continued lines joined, and with the defaults of ARGs filled in. */
function parseDockerfile(source: string): Instruction[] {
  const joined = source
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .replaceAll(/\s*\\\n\s*/g, ' ');
  const found: Instruction[] = [];
  const defaults = new Map<string, string>();
  for (const line of joined.split('\n').filter((each) => each.trim() !== '')) {
    const { name = '', text = '' } = /^(?<name>[A-Z]+) +(?<text>.*)$/.exec(line)?.groups ?? {};
    if (name === '') throw new Error(`not an instruction: ${line}`);
    const filled = text.replaceAll(
      /\$\{(\w+)\}/g,
      (whole, variable: string) => defaults.get(variable) ?? whole,
    );
    if (name === 'ARG') {
      const [variable = '', value = ''] = filled.split('=', 2);
      defaults.set(variable, value);
    }
    found.push({ name, text: filled });
  }
  return found;
}

function stagesOf(all: readonly Instruction[]): Stage[] {
  const found: Stage[] = [];
  for (const instruction of all) {
    if (instruction.name === 'FROM') {
      const [image = '', , name] = instruction.text.split(' ');
      found.push({ image, name, instructions: [] });
    } else {
      found.at(-1)?.instructions.push(instruction);
    }
  }
  return found;
}

/** @throws Error when the instruction is not there exactly once, since only the last one counts */
function valueOf(name: string, among: readonly Instruction[]): string {
  const [found, ...more] = among.filter((instruction) => instruction.name === name);
  if (found === undefined || more.length > 0) throw new Error(`not one ${name}`);
  return found.text;
}

/** What COPY takes from the repository. */
function sourcesOf(among: readonly Instruction[]): string[] {
  return among
    .filter(({ name, text }) => name === 'COPY' && !text.startsWith('--from='))
    .flatMap(({ text }) => text.split(/ +/).slice(0, -1));
}

/** Of an entry at the top of the repository: as Docker has it, the last line that matches decides. */
function isIgnored(entry: string, patterns: string): boolean {
  let ignored = false;
  for (const line of patterns.split('\n')) {
    const pattern = line.trim();
    if (pattern === '' || pattern.startsWith('#')) continue;
    const bare = pattern.replace(/^!/, '');
    if (bare === '*' || bare === entry) ignored = !pattern.startsWith('!');
  }
  return ignored;
}

/** @throws Error when it is in shell form */
function execForm(text: string): string[] {
  const words: unknown = JSON.parse(text);
  if (!Array.isArray(words)) throw new Error(`not in exec form: ${text}`);
  return words.map(String);
}

async function exitCodeOf(
  [program = '', ...args]: readonly string[],
  variables: Record<string, string>,
): Promise<unknown> {
  expect(program).toBe('node');
  const child = spawn(process.execPath, args, { env: variables, stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as unknown[];
  return code;
}
