import { describe, expect, it } from 'vitest';
import { directoryFault, isOutage, isPoolerRefusal } from '../../src/discourse/faults.ts';

const RDS_PROXY = 'Feature not supported: RDS Proxy';

function failure(message: string, code?: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

describe('a fault of the directory', () => {
  it('asks clients to come back soon after an outage, and later after a mistake', () => {
    const outage = directoryFault('default', failure('connect ECONNREFUSED', 'ECONNREFUSED'));
    const mistake = directoryFault('default', failure('permission denied', '42501'));
    expect(outage).toMatchObject({ code: 'directory_unavailable', status: 503 });
    expect(outage.retryAfterSeconds).toBeLessThan(mistake.retryAfterSeconds ?? 0);
  });

  it('tells the operator the site, the cause and the remedy', () => {
    const { detail } = directoryFault('second', failure('permission denied for users', '42501'));
    expect(detail).toContain('site second');
    expect(detail).toContain('permission denied for users');
    expect(detail).toContain('grants.sql');
    expect(detail).toContain('42501');
  });

  it.each([
    ['28000', 'no pg_hba.conf entry for host "10.0.1.2", user "a", database "d", no encryption'],
    ['28000', 'no pg_hba.conf entry for host "10.0.1.2", user "a", database "d", SSL off'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify the first certificate'],
  ])('tells of what TLS wants, with %s, %s', (code, message) => {
    const { detail } = directoryFault('default', failure(message, code));
    expect(detail).toMatch(/sslmode=verify-full.*sslrootcert=/);
    expect(detail).toContain(message);
    expect(detail).not.toContain('check the role');
  });

  it('does not take every log-in that is refused for one without TLS', () => {
    const encrypted = 'no pg_hba.conf entry for host "10.0.1.2", user "a", SSL encryption';
    const { detail } = directoryFault('default', failure(encrypted, '28000'));
    expect(detail).toContain('pg_hba.conf');
    expect(detail).not.toContain('sslmode');
  });

  it('says why none of several addresses could be connected to', () => {
    const both = new AggregateError([failure('refused by ::1'), failure('refused by 127.0.0.1')]);
    expect(directoryFault('default', both).detail).toContain(
      'refused by ::1, refused by 127.0.0.1',
    );
  });

  it('carries nothing of the error but its message', () => {
    const error = Object.assign(failure('broken'), { client: { password: 'hunter2' } });
    const fault = directoryFault('default', error);
    expect(JSON.stringify(fault)).not.toContain('hunter2');
    expect(fault.cause).toBeUndefined();
  });

  it.each([
    [undefined, true],
    ['ECONNRESET', true],
    ['EPIPE', true],
    ['57P01', true],
    ['53300', true],
    ['08006', true],
    ['28P01', true],
    ['3D000', true],
    ['57014', false],
    ['42501', false],
    ['42703', false],
  ])('with code %s is an outage: %s', (code, expected) => {
    expect(isOutage(failure('it failed', code))).toBe(expected);
  });

  it.each([
    ['26000', 'prepared statement "x" does not exist', true],
    ['42P05', 'prepared statement "x" already exists', true],
    ['08P01', 'unsupported startup parameter: statement_timeout', true],
    ['0A000', `${RDS_PROXY} currently doesn’t support command-line options.`, true],
    ['0A000', `${RDS_PROXY} currently doesn't support the option statement_timeout.`, true],
    ['0A000', 'cached plan must not change result type', false],
    ['08P01', 'protocol violation', false],
    ['57P01', 'terminating connection', false],
  ])('with code %s, %s, comes from a pooler: %s', (code, message, expected) => {
    expect(isPoolerRefusal(failure(message, code))).toBe(expected);
  });
});
