/** What `doctor` takes for broken: what is, and not the one picture that is; and whom it asks no more. */
import type { IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { card } from '../support/cards.ts';
import { linesOf, type Ran, runCommand } from '../support/commands.ts';
import { connectS3, type TestS3 } from '../support/s3-server.ts';

let s3: TestS3;
let picture: Buffer;

beforeAll(async () => {
  s3 = await connectS3(inject('s3'));
  process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
  picture = await card(80, 60).jpeg().toBuffer();
});

afterEach(() => {
  s3.proxy.heal();
  vi.unstubAllEnvs();
});

afterAll(() => s3.stop());

async function bucketWith(name: string, objects: Record<string, Buffer>): Promise<string> {
  const bucket = await s3.createBucket(name);
  for (const [user, bytes] of Object.entries(objects)) {
    await s3.put(bucket, `example.org/${user}/1`, bytes);
  }
  return bucket;
}

async function examine(store: string, variables: Record<string, string> = {}): Promise<Ran> {
  const AVATAR_ORIGINALS = store;
  return await runCommand(['doctor', '--json'], {
    AVATAR_ORIGINALS,
    AVATAR_RENDERS: '1',
    ...variables,
  });
}

function finding(ran: Ran, check: string): Readonly<Record<string, unknown>> {
  return linesOf(ran).find((line) => line['check'] === check) ?? {};
}

describe('one avatar among those looked for', () => {
  it('that is too large is a warning, and no reason to end as if S3 were down', async () => {
    const huge = Buffer.alloc(1024 * 1024 + 1);
    const bucket = await bucketWith('huge', { amy: picture, bob: huge, eve: picture });
    const ran = await examine(`s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}`, {
      AVATAR_MAX_ORIGINAL_MB: '1',
    });
    expect(ran.code).toBe(1);
    expect(finding(ran, 'avatars')).toMatchObject({
      state: 'warning',
      says: expect.stringMatching(/^of 3 looked for, 1 cannot be served: .*bob.*MAX_ORIGINAL_MB/),
      mend: 'run avatar-proxy audit, which lists all such',
    });
  });

  it('that cannot be rendered is a warning, too', async () => {
    const bucket = await bucketWith('nothing', { amy: Buffer.from('nothing'), bob: picture });
    const ran = await examine(`s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}`);
    expect(ran.code).toBe(1);
    expect(finding(ran, 'render and ETag')).toMatchObject({
      state: 'warning',
      says: expect.stringContaining('example.org/amy/1'),
      mend: expect.stringContaining('avatar-proxy audit'),
    });
  });
});

describe('a bucket', () => {
  it('for which no region is known is not said to be in another one', async () => {
    vi.stubEnv('AWS_REGION', undefined);
    const bucket = await bucketWith('regionless', { amy: picture });
    const ran = await examine(`s3://${bucket}?endpoint=${s3.endpoint}`);
    expect(ran.code).toBe(2);
    expect(finding(ran, `s3://${bucket}`)).toMatchObject({
      state: 'broken',
      says: 'cannot be used',
      mend: expect.stringContaining('say region= in AVATAR_ORIGINALS, or set AWS_REGION'),
    });
  });

  it.each([
    ['asks for less', 503, 'SlowDown'],
    ['fails', 500, 'InternalError'],
  ])('that %s once is well', async (_what, status, code) => {
    const bucket = await bucketWith('once', { amy: picture });
    const body = `<Error><Code>${code}</Code></Error>`;
    const unless = ({ url = '' }: IncomingMessage): boolean => !url.includes('list-type=2');
    s3.proxy.inject({ kind: 'reply', status, body }, { times: 1, unless });
    const ran = await examine(`s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}`);
    expect(ran.code).toBe(0);
    expect(finding(ran, `s3://${bucket}`)).toMatchObject({ state: 'ok' });
  });

  it('that goes on asking for less is a warning, wherever it does, with what to do', async () => {
    const bucket = await bucketWith('busy', { amy: picture });
    const store = `s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}`;
    const body = '<Error><Code>SlowDown</Code></Error>';
    const fault = { kind: 'reply', status: 503, body } as const;
    const isListing = ({ url = '' }: IncomingMessage): boolean => url.includes('list-type=2');
    const mend = expect.stringContaining('lower AVATAR_FETCHES');

    s3.proxy.inject(fault);
    const always = await examine(store);
    expect(always.code).toBe(1);
    expect(finding(always, `s3://${bucket}`)).toMatchObject({
      state: 'warning',
      says: expect.stringMatching(/^asks for fewer requests: .*SlowDown/),
      mend,
    });

    s3.proxy.heal();
    s3.proxy.inject(fault, { unless: isListing });
    const unlessListed = await examine(store, { AVATAR_VARIANTS: store });
    expect(unlessListed.code).toBe(1);
    for (const check of ['avatars', `AVATAR_VARIANTS s3://${bucket}`]) {
      expect(finding(unlessListed, check)).toMatchObject({ state: 'warning', mend });
    }
  });

  it('that does not answer is not asked again for avatars', async () => {
    const bucket = await bucketWith('silent', { amy: picture });
    const asked: string[] = [];
    const unless = ({ url = '' }: IncomingMessage): boolean => asked.push(url) === 0;
    s3.proxy.inject({ kind: 'silence' }, { unless });
    const store = `s3://${bucket}?region=us-east-1&endpoint=${s3.endpoint}`;
    const ran = await examine(store, { AVATAR_DEADLINE_MS: '1000' });
    expect(ran.code).toBe(2);
    expect(finding(ran, `s3://${bucket}`)['says']).toBe('does not answer in time');
    expect(finding(ran, 'avatars')).toMatchObject({
      state: 'hint',
      says: 'none was looked for',
      mend: 'mend the stores first',
    });
    expect(asked.filter((url) => url.includes('list-type=2'))).toHaveLength(1);
  });
});
