/** A bucket in another region than configured: real signatures of both, and who is asked. */
import type { IncomingMessage } from 'node:http';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { createS3Client } from '../../src/s3/client.ts';
import type { Fault } from '../support/fault-proxy.ts';
import { useS3 } from '../originals/s3.fixture.ts';
import { never, readOriginal } from '../originals/store-suite.ts';

const fixture = useS3();
const BYTES = Buffer.from('bytes');

beforeAll(async () => {
  const { s3, bucket } = fixture();
  await s3.put(bucket, 'a', BYTES);
});

afterEach(() => fixture().s3.proxy.heal());

/** `AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/s3/…` */
function regionOf({ headers }: IncomingMessage): string | undefined {
  return /Credential=[^/]+\/\d+\/([^/]+)\//.exec(headers.authorization ?? '')?.[1];
}

function xml(code: string, members = ''): string {
  return `<Error><Code>${code}</Code><Message>said ${code}</Message>${members}</Error>`;
}

function redirect(region: string): Fault {
  const headers = { 'x-amz-bucket-region': region, location: 'http://127.0.0.1:1/elsewhere' };
  const body = xml('PermanentRedirect', '<Endpoint>127.0.0.1:1</Endpoint>');
  return { kind: 'reply', status: 301, body, headers };
}

function malformed(region: string): Fault {
  const body = xml('AuthorizationHeaderMalformed', `<Region>${region}</Region>`);
  return { kind: 'reply', status: 400, body };
}

describe('a bucket in another region', () => {
  it.each([
    ['PermanentRedirect', redirect('eu-west-1')],
    ['AuthorizationHeaderMalformed', malformed('eu-west-1')],
    [
      'a redirect without a body',
      { kind: 'reply', status: 301, headers: { 'x-amz-bucket-region': 'eu-west-1' } },
    ],
  ] as const)('(%s) is found there, and asked there from then on', async (_how, fault) => {
    const { s3, open } = fixture();
    const learned: string[] = [];
    const store = open({ maxSockets: 4, onRegionLearned: (region) => learned.push(region) });
    s3.proxy.inject(fault, { unless: (request) => regionOf(request) === 'eu-west-1' });
    const before = s3.requests();

    const reads = Array.from({ length: 4 }, () => readOriginal(store, 'a'));
    for (const { bytes } of await Promise.all(reads)) expect(bytes).toEqual(BYTES);
    expect(learned).toEqual(['eu-west-1']);
    const afterFirst = s3.requests();
    expect(afterFirst - before).toBeLessThanOrEqual(8);

    await readOriginal(store, 'a');
    await expect(store.probe(never)).resolves.toBeUndefined();
    expect(s3.requests() - afterFirst).toBe(1);
    expect(learned).toEqual(['eu-west-1']);
  });

  it.each([
    ['no answer', { kind: 'silence' }, 'originals_timeout', []],
    ['a connection that is reset', { kind: 'reset' }, 'originals_unavailable', []],
    ['a refusal', { kind: 'reply', status: 403 }, 'originals_access_denied', ['eu-west-1']],
  ] as const)(
    'is proven to be there by a reply only: %s there',
    async (_what, fault, code, proof) => {
      const { s3, open } = fixture();
      const learned: string[] = [];
      const timeouts = { connectMs: 5000, firstByteMs: 300, stallMs: 300 };
      const store = open({ timeouts, onRegionLearned: (region) => learned.push(region) });
      const isThere = (request: IncomingMessage): boolean => regionOf(request) === 'eu-west-1';
      s3.proxy.inject(fault, { unless: (request) => !isThere(request) });
      s3.proxy.inject(redirect('eu-west-1'), { unless: isThere });

      await expect(store.read('a', { signal: never })).rejects.toMatchObject({ code });
      expect(learned).toEqual(proof);

      s3.proxy.heal();
      s3.proxy.inject(redirect('eu-west-1'), { unless: isThere });
      const before = s3.requests();
      expect((await readOriginal(store, 'a')).bytes).toEqual(BYTES);
      // Without proof it is looked for anew.
      expect(s3.requests() - before).toBe(2 - proof.length);
      expect(learned).toEqual(['eu-west-1']);
    },
  );

  it('is followed to one region, not from one to the next', async () => {
    const { s3, open } = fixture();
    const learned: string[] = [];
    const store = open({ onRegionLearned: (region) => learned.push(region) });
    s3.proxy.inject(redirect('us-east-1'));
    s3.proxy.inject(redirect('eu-west-1'), {
      unless: (request) => regionOf(request) === 'eu-west-1',
    });
    const before = s3.requests();

    const wrong = { code: 'originals_wrong_region', status: 502 };
    await expect(store.read('a', { signal: never })).rejects.toMatchObject(wrong);
    expect(s3.requests() - before).toBe(2);
    // Nor is it tried again at once.
    await expect(store.read('a', { signal: never })).rejects.toMatchObject(wrong);
    expect(s3.requests() - before).toBe(3);
    expect(learned).toEqual([]);

    s3.proxy.heal();
    expect((await readOriginal(store, 'a')).bytes).toEqual(BYTES);
  });

  it.each(['evil.example/', 'EU', 'x.y', '-', 'a'.repeat(64)])(
    'is not looked for in %j, which is none',
    async (region) => {
      const { s3, open } = fixture();
      s3.proxy.inject({ kind: 'reply', status: 400, headers: { 'x-amz-bucket-region': region } });
      const before = s3.requests();

      await expect(open().read('a', { signal: never })).rejects.toMatchObject({
        code: 'originals_wrong_region',
      });
      expect(s3.requests() - before).toBe(1);
    },
  );
});

describe('with AWS itself', () => {
  it('the region decides the host and the signature, and never leads elsewhere', async () => {
    const seen: { host: string; scope: string | undefined }[] = [];
    const client = createS3Client({
      bucket: 'avatars',
      variable: 'AVATAR_ORIGINALS',
      prefix: '',
      region: 'us-east-1',
      maxSockets: 1,
      timeouts: { connectMs: 1, firstByteMs: 1, stallMs: 1 },
      maxAttempts: 1,
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    });
    // In place of the network: after signing, nothing is sent.
    client.middlewareStack.add(
      () =>
        async ({ request }) => {
          const { hostname, headers } = signed(request);
          seen.push({ host: hostname, scope: /\/\d+\/([^/]+)\/s3/.exec(headers)?.[1] });
          throw Object.assign(new Error('moved'), {
            name: 'PermanentRedirect',
            $metadata: { httpStatusCode: 301 },
            $response: { headers: { 'x-amz-bucket-region': 'ap-northeast-2' } },
          });
        },
      { step: 'finalizeRequest', priority: 'low' },
    );

    await expect(
      client.send(new GetObjectCommand({ Bucket: 'avatars', Key: 'k' })),
    ).rejects.toMatchObject({ name: 'PermanentRedirect' });

    expect(seen).toEqual([
      { host: 'avatars.s3.us-east-1.amazonaws.com', scope: 'us-east-1' },
      { host: 'avatars.s3.ap-northeast-2.amazonaws.com', scope: 'ap-northeast-2' },
    ]);
    client.destroy();
  });
});

function signed(request: unknown): { hostname: string; headers: string } {
  if (typeof request !== 'object' || request === null) throw new Error('no request');
  const hostname: unknown = Reflect.get(request, 'hostname');
  return { hostname: String(hostname), headers: JSON.stringify(Reflect.get(request, 'headers')) };
}
