import { describe, expect, it } from 'vitest';
import { databaseUrlProblem, parseSites } from '../../src/config/sites.ts';

const SECRET = 'hunter2';
const first = {
  name: 'first',
  hosts: ['One.example.org', 'cdn.example.org'],
  database: `postgres://avatar_proxy:${SECRET}@db/first`,
};
const second = {
  name: 'second',
  hosts: ['two.example.org'],
  database: `postgres://avatar_proxy:${SECRET}@db/second`,
  keyPrefix: 'uploads/second/',
};

function problems(document: unknown): readonly string[] {
  const parsed = parseSites(JSON.stringify(document));
  return parsed.ok ? [] : parsed.problems;
}

describe('the file of sites', () => {
  it('has all its mistakes reported at once', () => {
    const found = problems({
      sites: [
        first,
        { ...second, name: 'first', hosts: ['ONE.example.org', 'x', 'x'], keyPrefix: '../first' },
        { ...second, name: 'third', hosts: [], database: `mysql://root:${SECRET}@db/x` },
      ],
      default: 'fourth',
    });
    expect(found).toStrictEqual([
      '/sites/1/name is that of an earlier site',
      '/sites/1/hosts/0 is listed before',
      '/sites/1/hosts/2 is listed before',
      '/sites/1/keyPrefix must be folder names with single slashes between them',
      '/sites/2/database must begin with postgres://',
      '/default is not the name of one of the sites',
    ]);
  });

  it('has all mistakes of form reported at once', () => {
    const found = problems({
      sites: [{ name: 'a/b', hosts: 'x', databse: second.database, keyPrefix: 5 }],
    }).join('\n');
    for (const place of ['/sites/0/name', '/sites/0/hosts', '/sites/0/keyPrefix', 'default']) {
      expect(found).toContain(place);
    }
    expect(found).toContain('database');
    expect(
      problems({ sites: [{ ...first, name: 'a b', hosts: ['https://x'] }], default: '-' }),
    ).toEqual([
      '/sites/0/name must begin with a letter or digit, followed by more, dots, hyphens and underscores',
      '/sites/0/hosts/0 must be a host name, as in forum.example.org',
      '/default must begin with a letter or digit, followed by more, dots, hyphens and underscores',
    ]);
  });

  it.each([
    ['not JSON', `{"sites":[{"database":"postgres://u:${SECRET}@db/x"`],
    ['a wrong type', JSON.stringify({ sites: `postgres://u:${SECRET}@db/x` })],
    ['no sites', '{"sites":[],"default":"x"}'],
    ['nothing', ''],
    [
      'a bad URL',
      JSON.stringify({
        sites: [{ ...first, database: `postgres://u:${SECRET}#@[/x` }],
        default: 'first',
      }),
    ],
  ])('is refused for %s, without a secret in the message', (_case, text) => {
    const parsed = parseSites(text);
    expect(parsed.ok).toBe(false);
    expect(parsed.ok ? '' : parsed.problems.join('\n')).not.toContain(SECRET);
    expect(parsed.ok ? 0 : parsed.problems.length).toBeGreaterThan(0);
  });
});

describe('the address of a database', () => {
  it.each([
    'postgres://role@db/discourse',
    'postgresql://role:p%40ss@db:6432/discourse?sslmode=verify-full',
    'postgres://role@/discourse?host=/var/run/postgresql',
    'postgres://role@[::1]:5432/discourse',
  ])('can be %s', (url) => {
    expect(databaseUrlProblem(url)).toBeUndefined();
  });

  it.each([
    '',
    'discourse',
    'http://db/x',
    'postgres://role@db',
    'postgres://role:#@db/x',
    'postgres://role@[/x',
  ])('cannot be %j', (url) => {
    expect(databaseUrlProblem(url)).toBeTypeOf('string');
  });
});
