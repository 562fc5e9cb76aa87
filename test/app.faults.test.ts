/** Each fault of S3 through the whole service: what clients, the log and the metrics are told of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IncomingMessage } from 'node:http';
import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  inject,
  it,
  onTestFinished,
} from 'vitest';
import { FAULTS, type FaultCode } from '../src/errors.ts';
import { startApp, type TestApp } from './support/app.ts';
import { card } from './support/cards.ts';
import { type Fault, type FaultProxy, startFaultProxy } from './support/fault-proxy.ts';
import { freePort } from './support/ports.ts';
import { connectS3, type TestS3 } from './support/s3-server.ts';

type Reply = Awaited<ReturnType<TestApp['server']['inject']>>;

let s3: TestS3;
let picture: Buffer;
let bucket: string;
let users = 0;

beforeAll(async () => {
  s3 = await connectS3(inject('s3'));
  process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
  picture = await card(100, 100).png().toBuffer();
  bucket = await s3.createBucket('table');
});

afterEach(() => s3.proxy.heal());

afterAll(() => s3.stop());

function storeAt({ endpoint }: Pick<FaultProxy, 'endpoint'>, name: string): string {
  return `s3://${name}?region=us-east-1&endpoint=${endpoint}`;
}

/** Closed with the test, or with the tests of a group. */
async function start(variables: Record<string, string> = {}): Promise<TestApp> {
  return await startApp({
    AVATAR_ORIGINALS: storeAt(s3, bucket),
    AVATAR_DEADLINE_MS: '3000',
    ...variables,
  });
}

async function startForTest(variables: Record<string, string> = {}): Promise<TestApp> {
  const app = await start(variables);
  onTestFinished(() => app.close());
  return app;
}

/** The address of an avatar nobody has asked for. */
async function fresh(into = bucket): Promise<string> {
  users += 1;
  const user = `user${users}`;
  await s3.put(into, `forum/${user}/1`, picture);
  return `/user_avatar/forum/${user}/48/1.png`;
}

const get = (app: TestApp, url: string): Promise<Reply> => app.server.inject(url);

function xml(code: string, members = ''): string {
  return `<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>SDK-TEXT ${code}</Message>${members}<BucketName>${bucket}</BucketName><RequestId>REQUEST-1</RequestId></Error>`;
}

function reply(status: number, body = '', headers: Record<string, string> = {}): Fault {
  return { kind: 'reply', status, body, headers };
}

type Row = readonly [what: string, code: FaultCode, fault: Fault, reason: RegExp];

function said(name: string, status: number, code: FaultCode, reason: RegExp): Row {
  return [name, code, reply(status, xml(name)), reason];
}

const IRELAND = { 'x-amz-bucket-region': 'eu-west-1' };

const TABLE: readonly Row[] = [
  said('NoSuchBucket', 404, 'originals_bucket_missing', /create it, or correct AVATAR_ORIGINALS/),
  said('AllAccessDisabled', 403, 'originals_access_denied', /s3:GetObject/),
  said('InvalidObjectState', 403, 'originals_access_denied', /archived: restore it/),
  said('SignatureDoesNotMatch', 403, 'originals_credentials', /AWS_SECRET_ACCESS_KEY/),
  said('InvalidAccessKeyId', 403, 'originals_credentials', /AWS_ACCESS_KEY_ID/),
  said('ExpiredToken', 400, 'originals_credentials', /renew AWS_SESSION_TOKEN/),
  said('RequestTimeTooSkewed', 403, 'originals_credentials', /clock/),
  [
    'PermanentRedirect to nowhere',
    'originals_wrong_region',
    reply(301, xml('PermanentRedirect'), IRELAND),
    /region=eu-west-1/,
  ],
  [
    'AuthorizationHeaderMalformed',
    'originals_wrong_region',
    reply(400, xml('AuthorizationHeaderMalformed', '<Region>eu-west-1</Region>')),
    /region=eu-west-1/,
  ],
  [
    'InvalidRequest for acceleration',
    'originals_wrong_region',
    reply(
      400,
      xml('InvalidRequest').replace(
        'SDK-TEXT InvalidRequest',
        'SDK-TEXT: S3 Transfer Acceleration is not configured on this bucket',
      ),
    ),
    /take accelerate= out of AVATAR_ORIGINALS/,
  ],
  said('SlowDown', 503, 'originals_throttled', /asks for less/),
  said('InternalError', 500, 'originals_unavailable', /the server failed/),
  ['a bare 502', 'originals_unavailable', reply(502, '<html>SDK-TEXT'), /status 502/],
  ['a reset', 'originals_unavailable', { kind: 'reset' }, /ECONNRESET/],
  ['silence', 'originals_timeout', { kind: 'silence' }, /no reply in time/],
  ['a stalled body', 'originals_timeout', { kind: 'stall' }, /in the middle of the object/],
  ['a cut body', 'originals_bad_reply', { kind: 'cut' }, /ended before the object did/],
  ['a wrong length', 'originals_bad_reply', { kind: 'overpromise', extra: 9 }, /ended before/],
  ['a wrong checksum', 'originals_bad_reply', { kind: 'corrupt' }, /the checksum/],
  ['garbage for XML', 'originals_bad_reply', reply(400, '<Error><Code>SDK-TEXT</'), /endpoint=/],
  ['"unchanged" unasked', 'originals_bad_reply', reply(304), /what was not asked/],
  ['a page for an object', 'originals_bad_reply', reply(200, '<html>SDK-TEXT</html>'), /no ETag/],
];

describe('a fault of S3', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await start();
    // Known for a store whose tags are checksums.
    for (let read = 0; read < 3; read += 1) {
      const { statusCode } = await get(app, await fresh());
      if (statusCode !== 200) throw new Error(`answered with ${statusCode} before any fault`);
    }
  });

  afterAll(() => app.close());

  it.each(TABLE)(
    '(%s) is answered as %s, and over when it is',
    async (_what, code, fault, reason) => {
      const url = await fresh();
      const labels = { result: code, store: `1 s3://${bucket}` };
      const before = await app.metric('avatar_original_reads_total', labels);
      s3.proxy.inject(fault);

      const failed = await get(app, url);

      expectFailure(failed, code);
      expect(lineOf(app, url)).toMatchObject({
        outcome: code,
        status: FAULTS[code].status,
        reason: expect.stringMatching(reason),
      });
      expect(await app.metric('avatar_original_reads_total', labels)).toBe(before + 1);

      s3.proxy.heal();
      const healed = await get(app, url);
      expect(healed.statusCode).toBe(200);
      expect(healed.headers['cache-control']).toContain('immutable');
    },
  );

  it('(a trickle) is over when the deadline is', async () => {
    const url = await fresh();
    s3.proxy.inject({ kind: 'trickle', pieces: 1000, pauseMs: 50 });
    expectFailure(await get(app, url), 'deadline_passed');
    s3.proxy.heal();
    expect((await get(app, url)).statusCode).toBe(200);
  });

  it('(no such key) is a missing avatar, for ten minutes', async () => {
    const url = '/user_avatar/forum/nobody/48/1.png';
    const missing = await get(app, url);
    expect(missing.statusCode).toBe(404);
    expect(missing.headers['cache-control']).toBe('public, max-age=600');
    expect(missing.json()).toEqual(problem('avatar_missing'));
    const labels = { result: 'missing', store: `1 s3://${bucket}` };
    expect(await app.metric('avatar_original_reads_total', labels)).toBe(1);
  });
});

describe('a 403 of S3', () => {
  it('is a fault where the bucket may be listed', async () => {
    const app = await startForTest();
    const url = await fresh();
    s3.proxy.inject(reply(403, xml('AccessDenied')), { objectsOnly: true });
    expectFailure(await get(app, url), 'originals_access_denied');
    expect(lineOf(app, url)?.['reason']).toMatch(/allow s3:GetObject/);
    s3.proxy.heal();
    expect((await get(app, url)).statusCode).toBe(200);
  });

  it('is a missing object where it may not', async () => {
    const app = await startForTest();
    s3.proxy.inject(reply(403, xml('AccessDenied')));
    const missing = await get(app, await fresh());
    expect(missing.statusCode).toBe(404);
    expect(missing.json()).toEqual(problem('avatar_missing'));
  });
});

describe('a bucket in another region', () => {
  it('is served from there, and the log says what to configure', async () => {
    const app = await startForTest();
    const isThere = ({ headers }: IncomingMessage): boolean =>
      headers.authorization?.includes('/eu-west-1/s3/') === true;
    s3.proxy.inject(reply(301, xml('PermanentRedirect'), IRELAND), { unless: isThere });
    for (let n = 0; n < 3; n += 1) expect((await get(app, await fresh())).statusCode).toBe(200);
    const told = app.lines.filter(({ region }) => region === 'eu-west-1');
    expect(told).toMatchObject([{ bucket, cure: 'say region=eu-west-1 in AVATAR_ORIGINALS' }]);
  });
});

describe('a server that takes no connection', () => {
  it('is a time-out, and over once it does', async () => {
    const deaf = await startDeaf();
    const app = await startForTest({ AVATAR_ORIGINALS: storeAt(deaf, bucket) });
    const url = await fresh();
    expectFailure(await get(app, url), 'originals_timeout');
    expect(lineOf(app, url)?.['reason']).toMatch(/no reply in time/);
  });
});

describe('two stores', () => {
  let first: FaultProxy;
  let second: FaultProxy;
  let buckets: readonly [string, string];
  let app: TestApp;

  beforeAll(async () => {
    const { endpoint } = inject('s3');
    [first, second] = await Promise.all([startFaultProxy(endpoint), startFaultProxy(endpoint)]);
    buckets = [await s3.createBucket('new'), await s3.createBucket('old')];
    app = await start({
      AVATAR_ORIGINALS: `${storeAt(first, buckets[0])} ${storeAt(second, buckets[1])}`,
      AVATAR_MISSING: 'blank',
      AVATAR_DEADLINE_MS: '1500',
    });
  });

  afterEach(() => {
    first.heal();
    second.heal();
  });

  afterAll(async () => {
    await app.close();
    await Promise.all([first.stop(), second.stop()]);
  });

  const labelOf = (index: 0 | 1): string => `${index + 1} s3://${buckets[index]}`;

  it('fall through from one that has not to one that has', async () => {
    expect((await get(app, await fresh(buckets[1]))).statusCode).toBe(200);
    const reads = async (store: 0 | 1, result: string): Promise<number> =>
      await app.metric('avatar_original_reads_total', { store: labelOf(store), result });
    expect([await reads(0, 'missing'), await reads(1, 'read')]).toEqual([1, 1]);
    expect(await app.metric('avatar_original_fallbacks_total')).toBe(0);
  });

  it.each([
    ['credentials', reply(403, xml('InvalidAccessKeyId')), 'originals_credentials'],
    ['a 500', reply(500, xml('InternalError')), 'originals_unavailable'],
    ['silence', { kind: 'silence' }, 'originals_timeout'],
    ['a cut body', { kind: 'cut' }, 'originals_bad_reply'],
  ] as const)(
    'fall through when the first is broken (%s), and say so to the operator',
    async (_what, fault, code) => {
      const onlyInFirst = await fresh(buckets[0]);
      const inBoth = await fresh(buckets[1]);
      await s3.put(
        buckets[0],
        inBoth.replace('/user_avatar/', '').replace('/48/1.png', '/1'),
        picture,
      );
      const label = labelOf(0);
      const before = await app.metric('avatar_original_fallbacks_total', { store: label });
      first.inject(fault);

      const served = await get(app, inBoth);
      expect(served.statusCode).toBe(200);
      expect(served.headers['cache-control']).toContain('immutable');
      expect(await app.metric('avatar_original_fallbacks_total', { store: label })).toBe(
        before + 1,
      );
      expect(
        app.lines.findLast(({ msg }) => msg === 'a store failed, the next one is asked'),
      ).toMatchObject({
        store: label,
        code,
      });

      // Nobody can say that it is missing: no stand-in, nothing that may be kept.
      const unknown = await get(app, onlyInFirst);
      expect(unknown.statusCode).toBeGreaterThanOrEqual(500);
      expect(unknown.headers['cache-control']).toBe('no-store');

      first.heal();
      expect((await get(app, onlyInFirst)).statusCode).toBe(200);
    },
  );

  it('are not called empty when the second is broken and the first has nothing', async () => {
    const url = await fresh(buckets[1]);
    second.inject(reply(500));
    expectFailure(await get(app, url), 'originals_unavailable');
    second.heal();
    expect((await get(app, url)).statusCode).toBe(200);
  });

  it('cost nobody the patience for a first one that is known to hang', async () => {
    first.inject({ kind: 'silence' });
    for (let n = 0; n < 4; n += 1) {
      expect((await get(app, await fresh(buckets[1]))).statusCode).toBe(200);
    }
    const trouble = { store: labelOf(0) };
    expect(await app.metric('avatar_original_store_in_trouble', trouble)).toBe(1);
    const asked = first.objectReads();
    const urls = await Promise.all(Array.from({ length: 20 }, () => fresh(buckets[1])));
    for (const url of urls) expect((await get(app, url)).statusCode).toBe(200);
    // Only on the side, and not for each of them.
    expect(first.objectReads() - asked).toBeLessThan(15);

    first.heal();
    await expect
      .poll(
        async () => {
          await get(app, await fresh(buckets[1]));
          return await app.metric('avatar_original_store_in_trouble', trouble);
        },
        { timeout: 15_000 },
      )
      .toBe(0);
    expect(app.lines.some(({ msg }) => msg === 'a store is well again')).toBe(true);
  });
});

function problem(code: FaultCode): unknown {
  const { status, message: detail } = FAULTS[code];
  return { title: expect.any(String), status, detail, code };
}

/** As documented, and not a word about where originals are. */
function expectFailure(failed: Reply, code: FaultCode): void {
  const { status } = FAULTS[code];
  expect(failed.json()).toEqual(problem(code));
  expect(failed.statusCode).toBe(status);
  expect(failed.headers).toMatchObject({
    'cache-control': 'no-store',
    'content-type': 'application/problem+json',
  });
  expect(failed.headers['retry-after'] ?? 'none').toMatch(status === 503 ? /^[1-9]\d*$/ : /^none$/);
  const told = failed.body + JSON.stringify(failed.headers);
  for (const secret of [
    bucket,
    s3.accessKeyId,
    s3.endpoint,
    'SDK-TEXT',
    'REQUEST-1',
    'eu-west-1',
    'forum/',
  ]) {
    expect(told).not.toContain(secret);
  }
}

function lineOf(app: TestApp, url: string): TestApp['lines'][number] | undefined {
  return app.lines.findLast(({ path }) => path === url);
}

/** A server that is stopped, with as many connections waiting as its system keeps for it. */
async function startDeaf(): Promise<{ endpoint: string }> {
  const port = await freePort();
  const listen = `require('net').createServer().listen({ port: ${port}, host: '127.0.0.1', backlog: 1 }, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    child.kill('SIGKILL');
  });
  for (let isConnected = true; isConnected;) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    sockets.push(socket);
    isConnected = await Promise.race([once(socket, 'connect').then(() => true), sleep(300, false)]);
  }
  return { endpoint: `http://127.0.0.1:${port}` };
}
