import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { FAULTS, type FaultCode } from '../../src/errors.ts';
import type { OriginalStore } from '../../src/originals/store.ts';
import { explainS3Failure } from '../../src/s3/faults.ts';
import type { Fault } from '../support/fault-proxy.ts';
import { freePort } from '../support/ports.ts';
import { useS3 } from '../originals/s3.fixture.ts';
import { never, readOriginal } from '../originals/store-suite.ts';

const fixture = useS3();
const PLACE = { bucket: 'b', variable: 'AVATAR_ORIGINALS' } as const;
const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 253));

beforeAll(async () => {
  const { s3, bucket } = fixture();
  await s3.put(bucket, 'whole', BYTES);
});

/** Waits that end soon, for servers that never answer. */
const IMPATIENT = { connectMs: 5000, firstByteMs: 300, stallMs: 300 };

function xml(code: string, members = ''): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>said ${code}</Message>${members}<RequestId>REQ1</RequestId></Error>`;
}

function reply(status: number, body = '', headers: Record<string, string> = {}): Fault {
  return { kind: 'reply', status, body, headers };
}

function denied(message: string): Fault {
  return reply(403, xml('AccessDenied').replace('said AccessDenied', message));
}

const NOT_ACCELERATED = xml('InvalidRequest').replace(
  'said InvalidRequest',
  'S3 Transfer Acceleration is not configured on this bucket',
);
const IRELAND = { 'x-amz-bucket-region': 'eu-west-1' };

type Row = readonly [what: string, code: FaultCode, fault: Fault, detail: RegExp];

function said(name: string, status: number, code: FaultCode, detail: RegExp): Row {
  return [name, code, reply(status, xml(name)), detail];
}

const TABLE: readonly Row[] = [
  said('NoSuchBucket', 404, 'originals_bucket_missing', /create it/),
  said('InvalidBucketName', 400, 'originals_bucket_missing', /correct AVATAR_ORIGINALS/),
  said('InvalidObjectState', 403, 'originals_access_denied', /archived: restore it/),
  [
    'a 403 of something in between',
    'originals_access_denied',
    reply(403, '<html>Forbidden</html>'),
    /status 403/,
  ],
  said('SignatureDoesNotMatch', 403, 'originals_credentials', /AWS_SECRET_ACCESS_KEY/),
  said('InvalidAccessKeyId', 403, 'originals_credentials', /does not know AWS_ACCESS_KEY_ID/),
  said('ExpiredToken', 400, 'originals_credentials', /renew AWS_SESSION_TOKEN/),
  said('TokenRefreshRequired', 400, 'originals_credentials', /renew AWS_SESSION_TOKEN/),
  said('InvalidToken', 400, 'originals_credentials', /AWS_SESSION_TOKEN is not valid/),
  said('RequestTimeTooSkewed', 403, 'originals_credentials', /clock/),
  [
    'PermanentRedirect',
    'originals_wrong_region',
    reply(301, xml('PermanentRedirect', '<Endpoint>e</Endpoint>'), IRELAND),
    /region=eu-west-1.*AWS_REGION/,
  ],
  [
    'a redirect without a body',
    'originals_wrong_region',
    reply(301, '', IRELAND),
    /in region eu-west-1/,
  ],
  [
    'a redirect to who knows where',
    'originals_wrong_region',
    reply(307, xml('TemporaryRedirect')),
    /another region/,
  ],
  [
    'AuthorizationHeaderMalformed',
    'originals_wrong_region',
    reply(400, xml('AuthorizationHeaderMalformed', '<Region>eu-west-1</Region>')),
    /region=eu-west-1/,
  ],
  ['a 400 with the region', 'originals_wrong_region', reply(400, '', IRELAND), /region=eu-west-1/],
  [
    'acceleration that is not enabled',
    'originals_wrong_region',
    reply(400, NOT_ACCELERATED),
    /take accelerate= out of AVATAR_ORIGINALS, or enable/,
  ],
  [
    'acceleration that is not enabled, with the region',
    'originals_wrong_region',
    reply(400, NOT_ACCELERATED, IRELAND),
    /take accelerate= out of AVATAR_ORIGINALS, or enable/,
  ],
  said('SlowDown', 503, 'originals_throttled', /asks for less.*request REQ1/),
  ['a bare 503', 'originals_throttled', reply(503), /asks for less/],
  said('TooManyRequests', 429, 'originals_throttled', /asks for less/),
  said('InternalError', 500, 'originals_unavailable', /the server failed/),
  ['a bare 500', 'originals_unavailable', reply(500), /the server failed/],
  [
    'a 502 in HTML',
    'originals_unavailable',
    reply(502, '<html>Bad<br>Gateway</html>'),
    /status 502/,
  ],
  said('RequestTimeout', 400, 'originals_timeout', /in vain/),
  [
    'a 404 that is not of S3',
    'originals_bad_reply',
    reply(404, '<html>Not found</html>'),
    /endpoint=/,
  ],
  ['an unheard-of code', 'originals_bad_reply', reply(418, xml('Teapot')), /said Teapot/],
  [
    'a page instead of an object',
    'originals_bad_reply',
    reply(200, '<html>Welcome</html>'),
    /no ETag/,
  ],
  [
    'a date that is none',
    'originals_bad_reply',
    { kind: 'headers', headers: { 'last-modified': 'never' } },
    /a reply S3 does not give|no Last/,
  ],
  [
    'an object without date',
    'originals_bad_reply',
    { kind: 'headers', headers: { 'last-modified': undefined } },
    /Last-Modified/,
  ],
  ['a connection that is reset', 'originals_unavailable', { kind: 'reset' }, /ECONNRESET/],
  ['silence', 'originals_timeout', { kind: 'silence' }, /no reply in time/],
  ['a body that stalls', 'originals_timeout', { kind: 'stall' }, /nothing came for 300 ms/],
  ['a body that is cut', 'originals_bad_reply', { kind: 'cut' }, /ended before the object did/],
  [
    'a Content-Length that is too high',
    'originals_bad_reply',
    { kind: 'overpromise', extra: 5 },
    /ended before the object did/,
  ],
];

describe('a fault of S3', () => {
  let store: OriginalStore;

  beforeAll(() => {
    store = fixture().open({ timeouts: IMPATIENT });
  });

  // The store has one connection: that it reads on shows that each fault gave it back.
  it.each(TABLE)('%s, is %s, and over when it is over', async (_what, code, fault, detail) => {
    const { proxy } = fixture().s3;
    proxy.inject(fault);

    await expect(store.read('whole', { signal: never })).rejects.toMatchObject({
      code,
      detail: expect.stringMatching(detail),
      retryAfterSeconds: FAULTS[code].status === 503 ? 1 : undefined,
    });

    proxy.heal();
    const original = await readOriginal(store, 'whole');
    expect(original.bytes.equals(BYTES)).toBe(true);
  });

  it.runIf(inject('s3').kind === 'rgw')(
    'for a clock that is wrong tells the time, by which all is signed from then on',
    async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 20 * 60_000 });
      try {
        const once = fixture().open({ maxAttempts: 1 });
        await expect(once.read('whole', { signal: never })).rejects.toMatchObject({
          code: 'originals_credentials',
          detail: expect.stringContaining('the clock of this machine is wrong'),
        });
        expect((await readOriginal(once, 'whole')).bytes).toEqual(BYTES);
        const twice = fixture().open({ maxAttempts: 2 });
        expect((await readOriginal(twice, 'whole')).bytes).toEqual(BYTES);
      } finally {
        vi.useRealTimers();
      }
    },
  );

  it('that passes at the second attempt is not noticed', async () => {
    const { open, s3 } = fixture();
    const store = open({ maxAttempts: 2 });
    for (const fault of [reply(503, xml('SlowDown')), reply(500), { kind: 'reset' } as const]) {
      s3.proxy.inject(fault, { times: 1 });

      const original = await readOriginal(store, 'whole');

      expect(original.bytes.equals(BYTES)).toBe(true);
    }
  });

  it.each([
    ['a server that is gone', () => freePort(), 'originals_unavailable', /ECONNREFUSED.*endpoint=/],
    ['a server that speaks no HTTP', () => startOther(), 'originals_bad_reply', /no HTTP reply/],
  ])('%s, is explained', async (_what, findPort, code, detail) => {
    const endpoint = `http://127.0.0.1:${await findPort()}`;
    const store = fixture().open({ endpoint });
    const expected = { code, detail: expect.stringMatching(detail) };

    await expect(store.read('whole', { signal: never })).rejects.toMatchObject(expected);
    await expect(store.probe(never)).rejects.toMatchObject(expected);
  });

  it('an endpoint with a name nobody has, is explained', async () => {
    const store = fixture().open({ endpoint: 'http://s3.invalid' });

    await expect(store.read('whole', { signal: never })).rejects.toMatchObject({
      code: 'originals_unavailable',
      detail: expect.stringMatching(/s3\.invalid.*DNS/),
    });
  });

  it('an endpoint whose connections a firewall forbids, is not taken for a file', () => {
    const thrown = Object.assign(new Error('connect EACCES 192.0.2.1:443'), {
      code: 'EACCES',
      syscall: 'connect',
    });
    expect(explainS3Failure(thrown, PLACE)).toMatchObject({ code: 'originals_unavailable' });
  });

  it('a bucket without a host name of its own, is explained', async () => {
    const { bucket, open } = fixture();
    const store = open({ endpoint: 'http://s3.invalid', pathStyle: false });

    await expect(store.read('whole', { signal: never })).rejects.toMatchObject({
      code: 'originals_unavailable',
      detail: expect.stringMatching(
        new RegExp(`${bucket}\\.s3\\.invalid.*pathStyle=true in AVATAR_ORIGINALS`),
      ),
    });
  });

  it('settings that contradict each other, are explained', async () => {
    const store = fixture().open({ accelerate: true });

    await expect(store.read('whole', { signal: never })).rejects.toMatchObject({
      code: 'originals_wrong_region',
      detail: expect.stringContaining('accelerate='),
    });
  });

  it('does not put what the server echoes into the log', () => {
    const thrown = Object.assign(new Error('no match'), {
      name: 'SignatureDoesNotMatch',
      CanonicalRequest: 'x-amz-security-token:THE-TOKEN',
      $metadata: { httpStatusCode: 403 },
    });

    const failure = explainS3Failure(thrown, PLACE);

    expect(failure).toMatchObject({ code: 'originals_credentials' });
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('THE-TOKEN');
  });

  it.each([
    [{ name: 'TokenProviderError' }, 'originals_credentials'],
    [{ message: 'Region is missing' }, 'originals_wrong_region'],
    [{ code: 'ETIMEDOUT' }, 'originals_timeout'],
    [{ message: 'a bug of ours' }, 'internal'],
  ])('%j, which no server sends, is %s', (members, code) => {
    const thrown = Object.assign(new Error('thrown'), members);
    expect(explainS3Failure(thrown, PLACE)).toMatchObject({ code });
  });

  it('is explained even when it is no error', () => {
    expect(explainS3Failure('text', PLACE)).toMatchObject({ code: 'internal' });
    expect(explainS3Failure(undefined, PLACE)).toMatchObject({ code: 'internal' });
  });
});

describe('a refusal of S3', () => {
  it('on a read, is a fault when the bucket may be listed', async () => {
    const { s3, open } = fixture();
    s3.proxy.inject(denied('Access Denied'), { objectsOnly: true });

    await expect(open().read('whole', { signal: never })).rejects.toMatchObject({
      code: 'originals_access_denied',
      detail: expect.stringContaining('s3:GetObject'),
    });
    s3.proxy.heal();
  });

  it.each([
    'Access Denied',
    'User: arn:aws:iam::1:user/u is not authorized to perform: s3:ListBucket on resource: b',
  ])(
    'on everything (%s), leaves a read with nothing, as S3 hides what is missing',
    async (message) => {
      const { s3, open } = fixture();
      const store = open();
      s3.proxy.inject(denied(message));

      expect(await store.read('whole', { signal: never })).toBeUndefined();
      await expect(store.probe(never)).resolves.toBeUndefined();
      s3.proxy.heal();
    },
  );

  it.each(['s3:GetObject', 'kms:Decrypt'])(
    'of %s by name, is a fault in any case',
    async (action) => {
      const { s3, open } = fixture();
      s3.proxy.inject(denied(`User: u is not authorized to perform: ${action} on resource: r`));

      await expect(open().read('whole', { signal: never })).rejects.toMatchObject({
        code: 'originals_access_denied',
        detail: expect.stringContaining(action),
      });
      s3.proxy.heal();
    },
  );

  it('that comes from the service of credentials, does not make avatars missing', async () => {
    const { s3, open } = fixture();
    const folder = await mkdtemp(join(tmpdir(), 'token-'));
    await writeFile(join(folder, 'token'), 'a-token');
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE']) {
      vi.stubEnv(name, undefined);
    }
    vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', join(folder, 'token'));
    vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::123456789012:role/avatars');
    vi.stubEnv('AWS_ENDPOINT_URL_STS', s3.proxy.endpoint);
    const refusal = 'Not authorized to perform sts:AssumeRoleWithWebIdentity';
    s3.proxy.inject(
      reply(
        403,
        `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>${refusal}</Message></Error></ErrorResponse>`,
      ),
    );
    const expected = {
      code: 'originals_credentials',
      detail: expect.stringMatching(`${refusal}.*AWS_ROLE_ARN`),
    };

    const store = open({ credentials: undefined });
    await expect(store.read('whole', { signal: never })).rejects.toMatchObject(expected);
    await expect(store.probe(never)).rejects.toMatchObject(expected);

    s3.proxy.heal();
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  it('makes the store ask once what it may, for all who wait and for later', async () => {
    const { s3, open } = fixture();
    const store = open({ maxSockets: 8 });
    s3.proxy.inject(denied('Access Denied'));
    const before = s3.proxy.requests() - s3.requests();

    const keys = Array.from({ length: 8 }, (_, index) => `key ${index}`);
    await Promise.all(keys.map((key) => store.read(key, { signal: never })));
    await store.read('later', { signal: never });

    expect(s3.proxy.requests() - s3.requests() - before).toBe(1);
    s3.proxy.heal();
  });

  it('that cannot be understood, because asking fails, fails as asking does', async () => {
    const { s3, open } = fixture();
    s3.proxy.inject(reply(500));
    s3.proxy.inject(denied('Access Denied'), { objectsOnly: true });

    await expect(open().read('whole', { signal: never })).rejects.toMatchObject({
      code: 'originals_unavailable',
    });
    s3.proxy.heal();
  });

  it.each([
    ['an unchanged listing', reply(304), 'originals_bad_reply'],
    ['a missing key', reply(404, xml('NoSuchKey')), 'originals_bad_reply'],
    ['a refusal that is not of S3', reply(403, '<html></html>'), 'originals_access_denied'],
  ])('is not what a probe takes %s for', async (_what, fault, code) => {
    const { s3, open } = fixture();
    s3.proxy.inject(fault);

    await expect(open().probe(never)).rejects.toMatchObject({ code });
    s3.proxy.heal();
  });
});

describe('a body that is left', () => {
  it.each([
    ['before the reply', { kind: 'silence' }],
    ['in the middle', { kind: 'stall' }],
    ['while it trickles', { kind: 'trickle', pieces: 1000, pauseMs: 50 }],
  ] as const)('%s, gives its connection back', async (_when, fault) => {
    const { s3, open } = fixture();
    const connections = s3.proxy.connections();
    const store = open();
    const controller = new AbortController();
    const reason = new Error('left');
    s3.proxy.inject(fault);
    const before = s3.requests();

    const reading = store.read('whole', { signal: controller.signal });
    // Heard of before it happens: a rejection nobody listens to ends the process.
    const outcome = reading.catch((error: unknown) => error);
    await expect.poll(() => s3.requests()).toBe(before + 1);
    controller.abort(reason);

    expect(await outcome).toBe(reason);
    s3.proxy.heal();
    expect((await readOriginal(store, 'whole')).bytes.equals(BYTES)).toBe(true);
    store.close();
    await expect.poll(() => s3.proxy.connections()).toBeLessThanOrEqual(connections);
  });

  it('because it is too large, gives its connection back', async () => {
    const { s3, bucket, open } = fixture();
    await s3.put(bucket, 'small', Buffer.from('small'));
    const store = open({ maxBytes: 1000 });
    const tooLarge = { code: 'original_too_large', detail: expect.stringContaining('1000') };

    for (const headers of [{}, { 'content-length': undefined }]) {
      s3.proxy.inject({ kind: 'headers', headers });
      await expect(store.read('whole', { signal: never })).rejects.toMatchObject(tooLarge);
      s3.proxy.heal();
      expect((await readOriginal(store, 'small')).bytes.toString()).toBe('small');
    }
  });

  it('is not one that is slow but comes', async () => {
    const { s3, open } = fixture();
    const store = open({ timeouts: { ...IMPATIENT, stallMs: 400 } });
    s3.proxy.inject({ kind: 'trickle', pieces: 12, pauseMs: 50 });

    expect((await readOriginal(store, 'whole')).bytes.equals(BYTES)).toBe(true);
    s3.proxy.heal();
  });
});

describe('an entity tag', () => {
  it.each(['"not/one;of=ours"', 'W/"abc"', '"\u00FC"', '""'])(
    '%j, that could not be a part of ours, is stood in for',
    async (etag) => {
      const { s3, open } = fixture();
      s3.proxy.inject({ kind: 'headers', headers: { etag } });

      const first = await readOriginal(open(), 'whole');
      const again = await open().read('whole', { signal: never, ifNoneMatch: first.etag });

      expect(first.etag).toMatch(/^[0-9a-f]{32}$/);
      expect(again).toMatchObject({ etag: first.etag, bytes: BYTES });
      s3.proxy.heal();
    },
  );

  it('of an upload in parts is kept', async () => {
    const { s3, open } = fixture();
    s3.proxy.inject({ kind: 'headers', headers: { etag: '"0123456789abcdef-12"' } });

    expect((await readOriginal(open(), 'whole')).etag).toBe('0123456789abcdef-12');
    s3.proxy.heal();
  });
});

/** Something that listens and greets in another tongue. */
async function startOther(): Promise<number> {
  const port = await freePort();
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('220 mail.example ESMTP\r\n');
  });
  server.unref();
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  return port;
}
