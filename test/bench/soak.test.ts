/** A soak that finds nothing says something only if it would have found something. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FaultCode, FAULTS } from '../../src/errors.ts';
import { problemDocument } from '../../src/http/problems.ts';
import { lookOf } from '../../bench/soak/catalogue.ts';
import { Client } from '../../bench/soak/client.ts';
import { HEALED_WITHIN_MS, unexplained } from '../../bench/soak/outages.ts';

const PICTURE = Buffer.from('the picture of Bob');
const NO_STORE = { 'cache-control': 'no-store' };

/** What the service says next. */
let answer: RequestListener = () => undefined;
const service = createServer((request, response) => answer(request, response));
let url: string;

beforeAll(async () => {
  await once(service.listen(0, '127.0.0.1'), 'listening');
  const address = service.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  url = `http://127.0.0.1:${address.port}/bob`;
});

afterAll(() => service.close());

function says(
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Buffer | string,
): void {
  answer = (_, response) => void response.writeHead(status, headers).end(body);
}

function fails(status: number, code: FaultCode, headers: Readonly<Record<string, string>>): void {
  says(status, headers, problemDocument(status, FAULTS[code].message, code));
}

describe('an answer', () => {
  const bob = () => ({ ...lookOf(PICTURE), url, regular: 'bob' });
  const newcomer = () => ({ ...bob(), regular: undefined });
  const retry = { ...NO_STORE, 'retry-after': '1' };

  it('is right with the bytes that are known, and wrong with others of the same length', async () => {
    using client = new Client();
    says(200, {}, PICTURE);
    expect(await client.picture(bob())).toBeUndefined();
    says(200, {}, Buffer.from(PICTURE.toReversed()));
    expect(await client.picture(bob())).toContain('bytes that are others');
  });

  it('is wrong when nobody is shown instead of somebody', async () => {
    using client = new Client();
    says(200, { 'cache-control': 'public, max-age=600' }, 'the picture of nobody');
    expect(await client.picture(newcomer())).toContain('bytes that are others');
    expect(await client.blank(url, lookOf(Buffer.from('the picture of nobody')))).toBeUndefined();
  });

  it('may fail as is documented, and no other way', async () => {
    using client = new Client();
    fails(503, 'directory_unavailable', retry);
    expect(await client.picture(newcomer())).toBeUndefined();
    expect(client.troubles).toMatchObject([{ codes: ['directory_unavailable'] }]);
    fails(503, 'directory_unavailable', NO_STORE);
    expect(await client.picture(newcomer())).toContain('without Retry-After');
    fails(502, 'originals_bad_reply', {});
    expect(await client.picture(newcomer())).toContain('may be kept');
    fails(502, 'directory_unavailable', NO_STORE);
    expect(await client.picture(newcomer())).toContain('502, which is not documented');
    fails(500, 'internal', NO_STORE);
    expect(await client.picture(newcomer())).toContain('500');
  });

  it('says by its length what failed, where it has no body', async () => {
    using client = new Client();
    const document = problemDocument(503, FAULTS.overloaded.message, 'overloaded');
    says(503, { ...retry, 'content-length': String(document.byteLength) }, '');
    expect(await client.head(newcomer())).toBeUndefined();
    expect(client).toMatchObject({ overloaded: 1, troubles: [] });
    says(503, { ...retry, 'content-length': '1' }, '');
    expect(await client.head(newcomer())).toContain('not documented');
  });

  it('may not lack a user whom the database knew before', async () => {
    using client = new Client();
    fails(503, 'directory_unavailable', retry);
    expect(await client.picture(bob())).toBeUndefined();
    says(200, {}, PICTURE);
    expect(await client.picture(bob())).toBeUndefined();
    fails(503, 'directory_unavailable', retry);
    expect(await client.picture(bob())).toContain('a user who had been found');
  });
});

describe('a failure', () => {
  const outage = { what: 'it hangs', from: 1000, to: 2000, healedMs: 0 };
  const failure = (code: FaultCode, at: number) => ({
    askedAt: at,
    answeredAt: at,
    url,
    status: FAULTS[code].status,
    codes: [code],
  });

  it('is explained by a fault of what it names, while that lasts and until it has to be healed', () => {
    const failures = [900, 1500, 2000 + HEALED_WITHIN_MS, 2001 + HEALED_WITHIN_MS].map((at) =>
      failure('directory_unavailable', at),
    );
    const [early, , , late] = failures;
    expect(unexplained(failures, [{ ...outage, of: 'database' }])).toEqual([early, late]);
    expect(unexplained(failures, [{ ...outage, of: 's3' }])).toEqual(failures);
  });

  it('of S3 is none of the database, and one that names neither may be of either', () => {
    const failures = [failure('originals_timeout', 1500), failure('deadline_passed', 1500)];
    expect(unexplained(failures, [{ ...outage, of: 'database' }])).toEqual([failures[0]]);
    expect(unexplained(failures, [{ ...outage, of: 's3' }])).toEqual([]);
  });
});
