import { GetObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { createS3Client, type S3Settings } from '../../src/s3/client.ts';

const STOP = new Error('seen enough');

/** What would be sent, without sending it. */
async function requestOf(settings: Partial<S3Settings>): Promise<unknown> {
  const client = createS3Client({
    bucket: 'avatars',
    variable: 'AVATAR_ORIGINALS',
    prefix: '',
    region: 'eu-west-1',
    maxSockets: 1,
    timeouts: { connectMs: 1, firstByteMs: 1, stallMs: 1 },
    maxAttempts: 1,
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    ...settings,
  });
  let seen: unknown;
  client.middlewareStack.add(
    () =>
      async ({ request }) => {
        seen = request;
        throw STOP;
      },
    { step: 'finalizeRequest', priority: 'low' },
  );
  await expect(client.send(new GetObjectCommand({ Bucket: 'avatars', Key: 'k' }))).rejects.toBe(
    STOP,
  );
  client.destroy();
  return seen;
}

describe('an S3 client asks', () => {
  it.each([
    ['AWS in the region', {}, 'https://avatars.s3.eu-west-1.amazonaws.com/k'],
    ['with path style', { pathStyle: true }, 'https://s3.eu-west-1.amazonaws.com/avatars/k'],
    [
      'over IPv6 too',
      { dualstack: true },
      'https://avatars.s3.dualstack.eu-west-1.amazonaws.com/k',
    ],
    ['accelerated', { accelerate: true }, 'https://avatars.s3-accelerate.amazonaws.com/k'],
    [
      'accelerated over IPv6 too',
      { accelerate: true, dualstack: true },
      'https://avatars.s3-accelerate.dualstack.amazonaws.com/k',
    ],
    [
      'another server, path style',
      { endpoint: 'https://s3.example.net' },
      'https://s3.example.net/avatars/k',
    ],
    [
      'another server by host name',
      { endpoint: 'https://s3.example.net', pathStyle: false },
      'https://avatars.s3.example.net/k',
    ],
  ])('%s', async (_where, settings, address) => {
    const { protocol, hostname, pathname: path } = new URL(address);
    expect(await requestOf(settings)).toMatchObject({ protocol, hostname, path });
  });
});
