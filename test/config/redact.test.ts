import { describe, expect, it } from 'vitest';
import { redact, redactVariable } from '../../src/config/redact.ts';

describe('of the value of a variable', () => {
  const shown = (text: string): string => redactVariable('AVATAR_ORIGINALS', text);

  it.each([
    ['postgres://forum:s3cret@db/discourse', 'postgres://forum:…@db/discourse'],
    // Not encoded, as it should have been.
    ['postgres://forum:p@s/w?rd@db/discourse', 'postgres://forum:…@db/discourse'],
    ['postgres://db/discourse?user=u&password=s3cret', 'postgres://db/discourse?user=u&password=…'],
    ['s3://b?endpoint=https://key:s3cret@minio:9000', 's3://b?endpoint=https://…@minio:9000'],
    ['s3://b?endpoint=https%3A%2F%2Fk%3As3cret%40minio', 's3://b?endpoint=https%3A%2F%2F…@minio'],
    ['s3://b?endpoint=minio:s3cret@host:9000', 's3://b?endpoint=minio:…@host:9000'],
    ['s3://b?endpoint=minio%3As3cret%40host&region=x', 's3://b?endpoint=minio%3A…%40host&region=x'],
    ['s3://b?endpoint=http:/k:s3cret@host', 's3://b?endpoint=http:…@host'],
    ['"minio:p@s/s3cret@host"', '"minio:…@host"'],
    ['https://s3cret@cdn.example.org/x', 'https://…@cdn.example.org/x'],
  ])('the secret is taken out: %s', (text, redacted) => {
    expect(shown(text)).toBe(redacted);
    expect(shown(text)).not.toContain('s3cret');
  });

  it.each([
    's3://forum-uploads/faces?region=eu-central-1&endpoint=http://minio:9000 file:/srv/a@b',
    'postgres://forum@/discourse?host=/var/run/postgresql',
    'template:{host}/{user}/{id}',
    'template:{host}/{user}@{id}',
    'file:srv/a@b',
    'https://cdn.example.org/@user',
    '2026-01-01T10:00:00Z user@host',
  ])('nothing else is: %s', (text) => {
    expect(shown(text)).toBe(text);
  });

  it('nothing is shown where it is a secret by its name', () => {
    expect(redactVariable('AWS_SECRET_ACCESS_KEY', 'abc')).toBe('…');
    expect(redactVariable('AWS_SESSION_TOKEN', 'abc')).toBe('…');
    expect(redactVariable('AWS_REGION', 'eu-central-1')).toBe('eu-central-1');
  });
});

describe('of a sentence', () => {
  it.each([
    [
      'connect to postgres://forum:s3cret@db/discourse: no',
      'connect to postgres://forum:…@db/discourse: no',
    ],
    ['GET https://key:s3cret@minio:9000/b: 403', 'GET https://…@minio:9000/b: 403'],
    // What the SDK makes of minio:s3cret@minio:9000, and says.
    [
      '`minio://s3cret@minio:9000` was not a valid URI',
      '`minio://…@minio:9000` was not a valid URI',
    ],
  ])('the secret in an address is taken out: %s', (text, redacted) => {
    expect(redact(text)).toBe(redacted);
  });

  it.each([
    'credentials: ASIAX from single sign-on, which is arn:aws:sts::111122223333:assumed-role/Reader/ann@example.com',
    'denied (User: arn:aws:sts::111122223333:assumed-role/Reader/ann@example.com is not authorized to perform: s3:ListBucket on resource: "arn:aws:s3:::b")',
    'of 5 looked for, 1 cannot be served: file:demo/a b:c@etag: no picture',
    's3://b/demo/owl/2.png@"abc": no picture',
    'at load (file:///srv/node_modules/@aws-sdk/client-s3/index.js:1:2)',
  ])('nothing is taken out that names what it is about: %s', (text) => {
    expect(redact(text)).toBe(text);
  });
});
