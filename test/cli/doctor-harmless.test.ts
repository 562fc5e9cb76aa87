/** What `doctor` leaves behind, what it says when it is stopped, and which variable it sends people to. */
import { startFauxqs } from 'fauxqs';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { runCommandLine } from '../../src/cli/command-line.ts';
import { card } from '../support/cards.ts';
import { linesOf, type Ran, runCommand } from '../support/commands.ts';
import { connectS3, type TestS3 } from '../support/s3-server.ts';

type Line = Readonly<Record<string, unknown>>;

let s3: TestS3;
let originals: Record<string, string>;

beforeAll(async () => {
  s3 = await connectS3(inject('s3'));
  process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
  const bucket = await s3.createBucket('doctor');
  await s3.put(bucket, 'example.org/amy/1', await card(80, 60).jpeg().toBuffer());
  // Not through the proxy: what is broken there is the variants' own.
  const AVATAR_ORIGINALS = storeOf(bucket, inject('s3').endpoint);
  originals = { AVATAR_ORIGINALS, AVATAR_RENDERS: '1' };
});

afterEach(() => s3.proxy.heal());

afterAll(() => s3.stop());

function storeOf(bucket: string, endpoint = s3.endpoint): string {
  return `s3://${bucket}?region=us-east-1&endpoint=${endpoint}`;
}

async function examine(variables: Record<string, string>): Promise<Ran> {
  return await runCommand(['doctor', '--json'], { ...originals, ...variables });
}

function finding(ran: Ran, check: string): Line {
  return linesOf(ran).find((line) => line['check'] === check) ?? {};
}

describe('the doctor writes nothing', () => {
  it('where conditional writes are not implemented', async () => {
    const variants = await s3.createBucket('unconditional');
    const body = '<Error><Code>NotImplemented</Code></Error>';
    s3.proxy.inject(
      { kind: 'reply', status: 501, body },
      { unless: ({ headers }) => headers['if-match'] === undefined },
    );
    const ran = await examine({ AVATAR_VARIANTS: storeOf(variants) });
    const check = `AVATAR_VARIANTS s3://${variants}`;
    expect(finding(ran, check)['says']).toBe('can be read and written');
    const listed = await examine({ AVATAR_ORIGINALS: storeOf(variants) });
    expect(finding(listed, 'avatars')['says']).toContain('hold nothing');
  });

  it('or else says what is to be removed: a server may take anything', async () => {
    const careless = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
    const endpoint = `http://127.0.0.1:${careless.port}`;
    const { accessKeyId, secretAccessKey } = s3;
    const other = await connectS3({ kind: 'fauxqs', endpoint, accessKeyId, secretAccessKey });
    const variants = await other.createBucket('careless');
    const ran = await examine({ AVATAR_VARIANTS: storeOf(variants, endpoint) });
    const name = `s3://${variants}`;
    const { state, mend } = finding(ran, `AVATAR_VARIANTS ${name}`);
    expect(state).toBe('warning');
    const key = String(mend).slice(`remove ${name}/`.length);
    expect(await other.has(variants, key)).toBe(true);
    await other.stop();
    await careless.stop();
  });
});

describe('the doctor that is stopped', () => {
  it.each([
    ['while a bucket does not answer', 'thread pool'],
    ['while it renders', 'avatars'],
  ])('%s says nothing of what it has not seen', async (_, last) => {
    if (last === 'thread pool') s3.proxy.inject({ kind: 'silence' });
    const stop = new AbortController();
    let results = '';
    const code = await runCommandLine(['doctor', '--json'], {
      variables: { ...originals, AVATAR_VARIANTS: storeOf('any') },
      results: {
        write: (text) => {
          results += text;
          if (text.includes(`"check":"${last}"`)) setTimeout(() => stop.abort(), 200);
        },
      },
      remarks: { write: () => undefined },
      interruption: () => stop.signal,
    });
    expect(code).toBe(130);
    const lines = linesOf({ results });
    expect(lines.at(-1)).toEqual({ event: 'interrupted' });
    const broken = lines.filter(({ state }) => state === 'broken');
    expect(broken.map(({ check }) => check)).toEqual(last === 'avatars' ? ['s3://any'] : []);
    expect(lines.some(({ check }) => check === last)).toBe(true);
    expect(lines.some(({ event }) => event === 'end')).toBe(false);
  });
});

describe('the doctor sends to AVATAR_VARIANTS, for what is wrong with that bucket,', () => {
  it('who has not created it', async () => {
    const ran = await examine({ AVATAR_VARIANTS: storeOf('not-there') });
    const { mend } = finding(ran, 's3://not-there');
    expect(mend).toContain('create it, or correct AVATAR_VARIANTS');
  });

  it('who has put it in another region', async () => {
    const body = '<Error><Code>PermanentRedirect</Code><Message>use another</Message></Error>';
    const headers = { 'x-amz-bucket-region': 'ap-northeast-2', 'content-type': 'application/xml' };
    s3.proxy.inject({ kind: 'reply', status: 301, body, headers });
    const ran = await examine({ AVATAR_VARIANTS: storeOf('elsewhere') });
    const { mend } = finding(ran, 's3://elsewhere region');
    expect(mend).toBe('say region=ap-northeast-2 in AVATAR_VARIANTS, or set AWS_REGION');
    expect(JSON.stringify(linesOf(ran))).not.toContain('AVATAR_ORIGINALS');
  });
});
