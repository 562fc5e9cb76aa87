/** Where the SDK looks for credentials and finds none, or none it may read: what an operator is told. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { useS3 } from '../originals/s3.fixture.ts';
import { never } from '../originals/store-suite.ts';

const fixture = useS3();
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'home-'));
});

beforeEach(() => {
  const ofOthers = Object.keys(process.env).filter((name) => name.startsWith('AWS_'));
  for (const name of ofOthers) vi.stubEnv(name, undefined);
  vi.stubEnv('HOME', home);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

afterAll(() => rm(home, { recursive: true }));

/** What a read and a probe are told alike. */
async function trouble(): Promise<unknown> {
  const store = fixture().open({ credentials: undefined });
  const [read, probe] = await Promise.allSettled([
    store.read('key', { signal: never }),
    store.probe(never),
  ]);
  expect(probe).toEqual(read);
  return read.status === 'rejected' ? read.reason : undefined;
}

function explained(detail: RegExp): object {
  return { code: 'originals_credentials', detail: expect.stringMatching(detail) };
}

describe('credentials', () => {
  it.each([
    ['is not there', '/nowhere/token', /ENOENT.*'\/nowhere\/token'.*AWS_WEB_IDENTITY_TOKEN_FILE/],
    ['is a folder', tmpdir(), /EISDIR.*AWS_WEB_IDENTITY_TOKEN_FILE/],
  ])('by a token whose file %s, are no fault of the network', async (_what, file, detail) => {
    vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', file);
    vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::123456789012:role/avatars');

    expect(await trouble()).toMatchObject(explained(detail));
  });

  it('of a profile nobody has, are said to be missing there', async () => {
    vi.stubEnv('AWS_PROFILE', 'fourm');

    expect(await trouble()).toMatchObject(
      explained(/no credentials were found \(Could not load.*AWS_PROFILE is set.*profile/),
    );
  });

  it('of a profile that asks for more than there is, are explained in the words of the SDK', async () => {
    const config = join(home, 'config');
    await writeFile(
      config,
      '[profile keys]\naws_access_key_id = key\naws_secret_access_key = secret\n' +
        '[profile forum]\nsource_profile = keys\nrole_arn = arn:aws:iam::123456789012:role/a\n' +
        'mfa_serial = arn:aws:iam::123456789012:mfa/bob\n',
    );
    vi.stubEnv('AWS_CONFIG_FILE', config);
    vi.stubEnv('AWS_PROFILE', 'forum');

    expect(await trouble()).toMatchObject(
      explained(/Profile forum requires multi-factor authentication/),
    );
  });

  it('of a container that is refused them, are said to be missing there', async () => {
    const agent = createServer((_request, reply) => reply.writeHead(403).end('{}'));
    await once(agent.listen(0, '127.0.0.1'), 'listening');
    const address = agent.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `http://127.0.0.1:${port}/role`);

    expect(await trouble()).toMatchObject(
      explained(/AWS_CONTAINER_CREDENTIALS_FULL_URI is set.*its token/),
    );
    agent.close();
  });

  it('of which nothing is said anywhere, are to be given', async () => {
    expect(await trouble()).toMatchObject(
      explained(/no credentials were found.*set AWS_ACCESS_KEY_ID.*role/),
    );
  });
});
