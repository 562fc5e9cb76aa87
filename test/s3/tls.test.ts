/** A server with a certificate of its owner's CA, or with a wrong one: what is said, and what helps. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { useS3 } from '../originals/s3.fixture.ts';
import { never } from '../originals/store-suite.ts';
import { type Authority, createAuthority } from '../support/certificates.ts';
import { linesOf, startCommand } from '../support/commands.ts';

const fixture = useS3();
let authority: Authority;

beforeAll(async () => {
  authority = await createAuthority();
});

afterAll(() => authority.remove());

/** The S3 of these tests, as `https://localhost:PORT`. */
async function startTls(name: string, days?: number): Promise<string> {
  const { cert, key } = await authority.certify(name, days);
  const upstream = new URL(fixture().s3.endpoint);
  const server = createServer({ cert: await readFile(cert), key: await readFile(key) });
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (client) => {
    const behind = connect(Number(upstream.port), upstream.hostname);
    for (const socket of [client, behind]) socket.on('error', () => undefined);
    client.pipe(behind).pipe(client);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return `https://localhost:${address.port}`;
}

it('of a CA nobody knows, is explained, and read once the CA is named as that says', async () => {
  const { s3, bucket, open } = fixture();
  const endpoint = await startTls('localhost');

  const expected = {
    code: 'originals_unavailable',
    detail: expect.stringMatching(/CA .*NODE_EXTRA_CA_CERTS=/),
  };
  await expect(open({ endpoint }).read('key', { signal: never })).rejects.toMatchObject(expected);
  await expect(open({ endpoint }).probe(never)).rejects.toMatchObject(expected);

  const { ended, output } = startCommand(['doctor', '--json'], {
    AVATAR_ORIGINALS: `s3://${bucket}?region=us-east-1&endpoint=${endpoint}`,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    NODE_EXTRA_CA_CERTS: authority.ca,
  });
  await ended;
  expect(linesOf(output())).toContainEqual(
    expect.objectContaining({ check: `s3://${bucket}`, says: 'can be reached and listed' }),
  );
}, 60_000);

it('whose certificate is for another name, is explained', async () => {
  const endpoint = await startTls('s3.example.org');
  const { ended, output } = startCommand(['doctor', '--json'], {
    AVATAR_ORIGINALS: `s3://faces?region=us-east-1&endpoint=${endpoint}`,
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    NODE_EXTRA_CA_CERTS: authority.ca,
  });
  await ended;
  expect(linesOf(output())).toContainEqual(
    expect.objectContaining({
      state: 'broken',
      check: 's3://faces',
      mend: expect.stringMatching(/s3\.example\.org.*other names.*endpoint=/),
    }),
  );
}, 60_000);

it('that speaks no TLS at all, is explained', async () => {
  const { s3, open } = fixture();
  const endpoint = s3.endpoint.replace('http:', 'https:');

  await expect(open({ endpoint }).read('key', { signal: never })).rejects.toMatchObject({
    code: 'originals_unavailable',
    retryAfterSeconds: 1,
    detail: expect.stringMatching(/^[^\n]*wrong version number.*write http:\/\//),
  });
});
