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

  it.each([
    ['postgres://forum:s3cret pw@db/discourse', 'postgres://forum:…@db/discourse'],
    ['postgresql://forum:a s3cret@ p/w?@db:5432/d', 'postgresql://forum:…@db:5432/d'],
    ['postgres://forum:\ts3cret@[::1]/discourse', 'postgres://forum:…@[::1]/discourse'],
    ['postgres://:s3cret@db/discourse', 'postgres://:…@db/discourse'],
    ['postgres://db/discourse?password=a s3cret&ssl=1', 'postgres://db/discourse?password=…&ssl=1'],
    // What cannot be used may be the password, wherever it is.
    ['postgres://forum:s3cret', '…'],
    ['postgres://forum:s3cret/discourse', '…'],
    ['postgres://for um s3cret@db/discourse', '…'],
    ['forum s3cret db', '…'],
  ])('shows of the database at %j no more than %s', (text, redacted) => {
    expect(redactVariable('AVATAR_DISCOURSE_URL', text)).toBe(redacted);
  });

  it('knows a database in the wrong variable, and a password with a space before a host', () => {
    const shown = redactVariable('AVATAR_SITES', 'postgres://forum:a s3cret@db/discourse');
    expect(shown).toBe('postgres://forum:…@db/discourse');
    const cdn = redactVariable('AVATAR_CDN_URL', 'https://me:a s3cret@cdn.example.org/@x');
    expect(cdn).toBe('https://…@cdn.example.org/@x');
  });

  it.each([
    'postgres://forum@/discourse?host=/var/run/postgresql',
    'postgres:///discourse',
    'postgres://db.example.org:5432/discourse?sslmode=verify-full',
  ])('shows the database at %s as it is', (text) => {
    expect(redactVariable('AVATAR_DISCOURSE_URL', text)).toBe(text);
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
