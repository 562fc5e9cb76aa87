/** How an instance gets what it reads the forum's database with, by running what it is started with. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { parseDocument, Scalar, type Tags } from 'yaml';
import { readTemplate } from './templates.ts';

type Choice = readonly [condition: string, then: string, otherwise: string];

type Template = {
  readonly Resources: {
    readonly LaunchTemplate: {
      readonly Properties: {
        readonly LaunchTemplateData: {
          readonly UserData: {
            readonly 'Fn::Base64': readonly [
              script: string,
              variables: { readonly DiscourseCommand: Choice; readonly CertificatesVolume: Choice },
            ];
          };
        };
      };
    };
  };
};

const execute = promisify(execFile);
const template: Template = parseDocument(readTemplate('aws/avatar-proxy.yaml'), {
  // CloudFormation's own tags: their content is left.
  logLevel: 'silent',
}).toJS();
const [script, { DiscourseCommand: command, CertificatesVolume: volume }] =
  template.Resources.LaunchTemplate.Properties.LaunchTemplateData.UserData['Fn::Base64'];

const PLAIN = 'postgres://avatar_proxy:secret@forum.example/discourse';
const VERIFIED = `${PLAIN}?sslmode=verify-full&sslrootcert=/etc/avatar-proxy/rds.pem`;
const ADDRESS = 'https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem';

const FUNCTIONS: Readonly<Record<string, (values: unknown) => boolean>> = {
  Equals: (values) => Array.isArray(values) && values[0] === values[1],
  Not: (values) => Array.isArray(values) && values[0] === false,
};

/** In place of the file system's. */
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'avatar-instance-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
});

/** @param curl what stands in for the program, with its last argument in $address */
async function begin(url: string, curl: string): Promise<void> {
  const [, commands] = command;
  const filledIn = commands
    .replaceAll(/\$\{[\w:]+\}/g, 'filled-in')
    // Not in the address of the database.
    .replaceAll(/(?<= )\/etc\//g, '"$ROOT"/etc/');
  const prelude = [
    'set -euo pipefail; umask 077; mkdir "$ROOT/etc"',
    'aws() { echo "$URL"; }',
    `curl() { local address="\${@: -1}"; ${curl}; }`,
  ];
  await execute('bash', ['-c', [...prelude, filledIn].join('\n')], {
    env: { ...process.env, ROOT: root, URL: url },
  });
}

it('fetches the certificates of RDS where the address names their file, for the service to read', async () => {
  await begin(VERIFIED, 'echo "of $address" > "$ROOT/etc/avatar-proxy/rds.pem"');
  expect(await readFile(join(root, 'etc/avatar-proxy.env'), 'utf8')).toBe(
    `AVATAR_DISCOURSE_URL=${VERIFIED}\n`,
  );
  const file = join(root, 'etc/avatar-proxy/rds.pem');
  expect(await readFile(file, 'utf8')).toBe(`of ${ADDRESS}\n`);
  for (const [path, mode] of [
    [file, 0o644],
    [join(root, 'etc/avatar-proxy'), 0o755],
  ] as const) {
    expect((await stat(path)).mode & 0o777).toBe(mode);
  }
  // The password is nobody's but root's.
  expect((await stat(join(root, 'etc/avatar-proxy.env'))).mode & 0o777).toBe(0o600);
});

it('is not ready without those certificates, and needs none for another address', async () => {
  await expect(begin(VERIFIED, 'return 6')).rejects.toMatchObject({ code: 6 });
  await rm(join(root, 'etc'), { recursive: true });
  await expect(begin(PLAIN, 'return 6')).resolves.toBeUndefined();
});

it('shows the container their folder, with Discourse alone, and lets it write nothing there', () => {
  expect(volume).toEqual(['UsesDiscourse', '--volume /etc/avatar-proxy:/etc/avatar-proxy:ro', '']);
  expect(command[0]).toBe('UsesDiscourse');
  expect(script).toMatch(
    /ExecStart=\/usr\/bin\/docker run (?:.*\\\n)+ *\$\{CertificatesVolume\} \$\{ImageUri\}\n/,
  );
});

it.each([
  ['template:{user}/{id}', '', '', []],
  ['discourse', '/forum/database', 'forum.example.org', []],
  ['template:{user}/{id}', '/forum/database', '', ['Locator=discourse alone']],
  ['discourse', '', 'forum.example.org', ['needs DiscourseUrlParameter']],
  // Whoever invents a host would have it rendered and stored.
  ['discourse', '/forum/database', '', ['needs Hosts']],
])(
  'with the locator %s, the parameter "%s" and the hosts "%s" refuses the stack: %j',
  (locator, name, hosts, why) => {
    const found = refusals({ Locator: locator, DiscourseUrlParameter: name, Hosts: hosts });
    expect(found).toEqual(why.map((part) => expect.stringContaining(part)));
  },
);

type Rule = {
  readonly RuleCondition: boolean;
  readonly Assertions: ReadonlyArray<{
    readonly Assert: boolean;
    readonly AssertDescription: string;
  }>;
};

/** What CloudFormation says before it makes anything, with the rules of the template. */
function refusals(parameters: Readonly<Record<string, string>>): string[] {
  const customTags: Tags = [
    { tag: '!Ref', resolve: (name: string) => parameters[name] ?? name },
    ...Object.entries(FUNCTIONS).map(([name, result]) => ({
      tag: `!${name}`,
      collection: 'seq' as const,
      resolve: (list: { toJSON(): unknown }) => new Scalar(result(list.toJSON())),
    })),
  ];
  const { Rules: rules }: { Rules: Readonly<Record<string, Rule>> } = parseDocument(
    readTemplate('aws/avatar-proxy.yaml'),
    { customTags, logLevel: 'silent' },
  ).toJS();
  return Object.values(rules)
    .filter(({ RuleCondition: applies }) => applies)
    .flatMap(({ Assertions: assertions }) => assertions)
    .filter(({ Assert: holds }) => !holds)
    .map(({ AssertDescription: description }) => description);
}
