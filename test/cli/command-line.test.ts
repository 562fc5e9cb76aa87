import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runCommandLine } from '../../src/cli/command-line.ts';
import { loadConfig } from '../../src/config/load.ts';
import { VERSION } from '../../src/config/version.ts';
import { linesOf, runCommand, startCommand } from '../support/commands.ts';

const COMMANDS = ['serve', 'config', 'doctor', 'audit', 'publish'];
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

describe('the command line', () => {
  it('tells of its commands when it is called without one, or with one there is not', async () => {
    const [nothing, wrong, help] = await Promise.all([
      runCommand([]),
      runCommand(['destroy']),
      runCommand(['--help']),
    ]);
    expect(nothing.code).toBe(64);
    expect(wrong.code).toBe(64);
    expect(help).toMatchObject({ code: 0, remarks: '' });
    for (const command of COMMANDS) {
      expect(help.results).toMatch(new RegExp(`^ {2}${command} `, 'm'));
      expect(wrong.remarks).toContain(command);
    }
  });

  it.each(COMMANDS)('%s has a help of its own', async (name) => {
    const ran = await runCommand([name, '--help']);
    expect(ran).toMatchObject({ code: 0, remarks: '' });
    expect(ran.results).toContain(`avatar-proxy ${name}`);
    // What the service says is its log.
    expect(ran.results.includes('--json')).toBe(name !== 'serve');
    for (const args of [
      ['help', name],
      [name, '-h'],
    ]) {
      expect(await runCommand(args)).toEqual(ran);
    }
  });

  it('says its version, and helps in a word or a letter', async () => {
    expect(await runCommand(['--version'])).toMatchObject({ code: 0, results: `${VERSION}\n` });
    expect(await runCommand(['-h'])).toEqual(await runCommand(['--help']));
    const wrong = await runCommand(['help', 'destroy']);
    expect(wrong).toMatchObject({ code: 64, results: '' });
    expect(wrong.remarks).toContain('There is no command "destroy"');
  });

  it.each([
    [['audit', '--fast'], 'audit has no --fast'],
    [['audit', '--rat', '5'], 'audit has no --rat: perhaps --rate'],
    [['audit', '--rate'], '--rate'],
    [['serve', '--json'], 'serve has no --json'],
    [['audit', '--rate', '0'], '--rate is a number above 0'],
    [['audit', '--since', 'yesterday'], '--since is a date'],
    [['audit', '--since', '2026-02-31'], '--since is a date'],
    [['audit', '--user', ''], '--user is empty'],
    [['audit', '--csv='], '--csv is empty'],
    [['publish', '--state', ''], '--state is empty'],
    [['audit', 'everything'], 'takes no "everything"'],
    [['config', 'show'], 'config check, or config print'],
  ])('refuses %j with 64, and says why', async (args, why) => {
    const ran = await runCommand(args);
    expect(ran).toMatchObject({ code: 64, results: '' });
    expect(ran.remarks).toContain(why);
    expect(ran.remarks).toContain(`See avatar-proxy ${args[0]} --help`);
  });

  it('ends with 78 for a configuration that cannot be used, as the service does', async () => {
    const variables = {
      AVATAR_SIZES: 'many',
      AVATAR_ORIGINALS: 's3://b?endpoint=ftp://k:s3cret@h',
    };
    for (const args of [['config', 'check'], ['config', 'print'], ['audit']]) {
      const ran = await runCommand(args, variables);
      expect(ran.code).toBe(78);
      expect(ran.remarks).toContain('AVATAR_SIZES="many"');
      expect(ran.remarks).not.toContain('    at ');
    }
  });

  it('is quiet when nobody reads it to the end', async () => {
    const { remarks } = await runShell('config print --json | head -n 1');
    expect(remarks).toBe('');
  });

  it('ends with 2, not with what says that there are findings, when the disk takes nothing', async () => {
    const full = await runShell('config print > /dev/full');
    expect(full.code).toBe(2);
    expect(full.remarks).toMatch(/^the results cannot be written: ENOSPC.*\n$/);
    const AVATAR_VARIANTS = 's3://nowhere?region=us-east-1&endpoint=http://127.0.0.1:9';
    for (const [args, cure] of [
      [['audit', '--csv', '/nowhere/audit.csv'], '--csv names another place'],
      [
        ['publish', '--sizes', '24', '--state', '/nowhere/audit.csv.state'],
        '--state names another place',
      ],
    ] as const) {
      const ran = await runCommand(args, { AVATAR_VARIANTS });
      expect(ran).toMatchObject({ code: 2, results: '' });
      expect(ran.remarks).toMatch(/^\/nowhere\/audit\.csv\.state cannot be kept: ENOENT.*\n$/);
      expect(ran.remarks).toContain(cure);
    }
  });

  it('ends with 2, and says where it was, for what nobody has foreseen', async () => {
    let remarks = '';
    const code = await runCommandLine(['config', 'print'], {
      variables: {},
      results: {
        write: () => {
          throw new Error('postgres://forum:s3cret@db');
        },
      },
      remarks: { write: (text) => (remarks += text) },
      interruption: () => new AbortController().signal,
    });
    expect(code).toBe(2);
    expect(remarks).toContain('Error: postgres://forum:…@db\n    at ');
  });
});

async function runShell(args: string): Promise<{ code: unknown; remarks: string }> {
  const command = `"$0" --disable-warning=ExperimentalWarning "$1" ${args}`;
  const shell = spawn('/bin/sh', ['-c', command, process.execPath, MAIN]);
  let remarks = '';
  shell.stderr.setEncoding('utf8').on('data', (text: string) => (remarks += text));
  const [code]: unknown[] = await once(shell, 'close');
  return { code, remarks };
}

describe('config check', () => {
  it('ends with 0 for what can be used, and with 1 for a variable nobody reads', async () => {
    expect(await runCommand(['config', 'check'], { AVATAR_SIZES: '24 48' })).toMatchObject({
      code: 0,
    });
    const ran = await runCommand(['config', 'check'], { AVATAR_SIZE: '24' });
    expect(ran.code).toBe(1);
    expect(ran.results).toContain('AVATAR_SIZE is no variable');
  });
});

describe('config print', () => {
  it('prints what is set and what is not, without secrets', async () => {
    const variables = {
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: 'postgres://forum:s3cret@db/discourse',
      AVATAR_ORIGINALS: 's3://bucket?endpoint=https://k:s3cret@minio',
      AWS_SECRET_ACCESS_KEY: 's3cret',
      AWS_REGION: 'eu-central-1',
      OTHER: 's3cret',
    };
    for (const args of [
      ['config', 'print'],
      ['config', 'print', '--json'],
    ]) {
      const ran = await runCommand(args, variables);
      expect(ran.code).toBe(0);
      expect(ran.results).not.toContain('s3cret');
      expect(ran.results).toContain('postgres://forum:…@db/discourse');
    }
    const lines = linesOf(await runCommand(['config', 'print', '--json'], variables));
    expect(lines).toContainEqual({
      event: 'variable',
      variable: 'AWS_REGION',
      value: 'eu-central-1',
      from: 'environment',
    });
    expect(lines).toContainEqual({
      event: 'variable',
      variable: 'PORT',
      value: '8080',
      from: 'default',
    });
  });
});

describe('what config print says of what is not set', () => {
  type Shown = { value: unknown; means: unknown };

  async function shown(variables: Record<string, string>): Promise<Record<string, Shown>> {
    const lines = linesOf(await runCommand(['config', 'print', '--json'], variables));
    const unset = lines.filter(({ from }) => from === 'default');
    return Object.fromEntries(
      unset.map(({ variable, value, means }) => [String(variable), { value, means }]),
    );
  }

  it('is the value it has here, which depends on others', async () => {
    const plain = await shown({});
    expect(plain['AVATAR_FORMAT']).toEqual({ value: 'png' });
    expect(plain['AVATAR_MISSING']).toEqual({ value: '404' });
    expect(plain['AVATAR_SIZES']).toEqual({ value: 'any' });
    expect(plain['AVATAR_TRACING']).toEqual({ value: 'false' });
    expect(plain['AVATAR_RENDERS']?.value).toBe(String(availableParallelism()));
    const forum = await shown({
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: 'postgres://db/discourse',
      AVATAR_ORIGINALS: 's3://bucket',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
    });
    expect(forum['AVATAR_FORMAT']).toEqual({ value: 'original' });
    expect(forum['AVATAR_MISSING']).toEqual({ value: 'blank' });
    expect(forum['AVATAR_TRACING']).toEqual({ value: 'true' });
    expect(forum['AVATAR_SIZES']).toMatchObject({ value: '', means: expect.any(String) });
  });

  it('is what its absence means, where no value says that', async () => {
    expect((await shown({}))['AVATAR_SITES']).toEqual({ value: '', means: 'one site, all hosts' });
    const { results } = await runCommand(['config', 'print']);
    expect(results).toContain('# AVATAR_SITES is not set: one site, all hosts\n');
    expect(results).toContain('# AVATAR_FORMAT=png\n');
    expect(results).not.toContain('`');
  });

  it.each([{}, { AVATAR_ANIMATED: 'true' }])(
    'can be set, and changes nothing: with %j',
    async (variables: Record<string, string>) => {
      const values = Object.entries(await shown(variables))
        // With the demo set, it is no demo any more.
        .filter(([name]) => name !== 'AVATAR_ORIGINALS')
        .map(([name, { value }]) => [name, String(value)]);
      const asSet = await loadConfig({ ...variables, ...Object.fromEntries(values) });
      expect(asSet).toEqual({ ...(await loadConfig(variables)), sizes: 'any' });
    },
  );
});

describe('the text of config print', () => {
  it('is a file of the environment, whatever is commented in, with lists of several lines', async () => {
    const variables = {
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: 'postgres://forum@db/discourse',
      AVATAR_ORIGINALS: 's3://uploads/my%20faces\n  s3://former\n',
      AVATAR_HOSTS: 'a.example\r\nb.example',
    };
    const { results } = await runCommand(['config', 'print'], variables);
    for (const text of [results, results.replaceAll(/^# (?=\w+=)/gm, '')]) {
      const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      const read = lines.map(
        (line) => /^(?<name>\w+)=(?<value>.*)$/.exec(line)?.groups ?? { line },
      );
      const again = Object.fromEntries(read.map(({ name, value }) => [name, value]));
      expect(await loadConfig(again)).toEqual(await loadConfig(variables));
    }
  });
});

describe('a database whose address cannot be used', () => {
  it('is told as config print shows it', async () => {
    const ran = await runCommand(['config', 'check'], {
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: 'postgres://forum:a s3cret@db/',
    });
    expect(ran.code).toBe(78);
    expect(ran.remarks).toContain('AVATAR_DISCOURSE_URL="postgres://forum:…@db/": names no');
    expect(ran.remarks).not.toContain('s3cret');
  });
});

describe('serve', () => {
  it('serves until SIGTERM', async () => {
    const running = startCommand(['serve'], {
      HOST: '127.0.0.1',
      PORT: '0',
      ADMIN_PORT: '0',
      AVATAR_DRAIN_MS: '0',
    });
    await expect.poll(() => running.output().results, { timeout: 10_000 }).toContain('"serving"');
    running.child.kill('SIGTERM');
    expect(await running.ended).toBe(0);
  });
});
