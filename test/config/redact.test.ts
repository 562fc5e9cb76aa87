import { describe, expect, it } from 'vitest';
import { redact, redactVariable } from '../../src/config/redact.ts';

describe('redact', () => {
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
  ])('takes the secret out of %s', (text, redacted) => {
    expect(redact(text)).toBe(redacted);
    expect(redact(text)).not.toContain('s3cret');
  });

  it.each([
    's3://forum-uploads/faces?region=eu-central-1&endpoint=http://minio:9000 file:/srv/a@b',
    'postgres://forum@/discourse?host=/var/run/postgresql',
    'template:{host}/{user}/{id}',
    'template:{host}/{user}@{id}',
    'file:srv/a@b',
    'https://cdn.example.org/@user',
    '2026-01-01T10:00:00Z user@host',
  ])('leaves %s as it is', (text) => {
    expect(redact(text)).toBe(text);
  });

  it('shows nothing of a variable that is a secret by its name', () => {
    expect(redactVariable('AWS_SECRET_ACCESS_KEY', 'abc')).toBe('…');
    expect(redactVariable('AWS_SESSION_TOKEN', 'abc')).toBe('…');
    expect(redactVariable('AWS_REGION', 'eu-central-1')).toBe('eu-central-1');
  });
});
