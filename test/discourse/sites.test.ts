import { describe, expect, it } from 'vitest';
import { parseSites } from '../../src/config/sites.ts';
import { sharedHostOf, singleSite, siteOfHost } from '../../src/discourse/sites.ts';

const first = {
  name: 'first',
  hosts: ['One.example.org', 'cdn.example.org'],
  database: 'postgres://avatar_proxy@db/first',
};
const second = {
  name: 'second',
  hosts: ['two.example.org'],
  database: 'postgres://avatar_proxy@db/second',
  keyPrefix: 'uploads/second/',
};

function parse(document: unknown) {
  return parseSites(JSON.stringify(document));
}

describe('the site of a host', () => {
  it('is the one that lists it, else the default', () => {
    const parsed = parse({ sites: [first, second], default: 'first' });
    if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
    const names = ['one.example.org', 'ONE.example.org', 'two.example.org', 'default'].map(
      (host) => siteOfHost(parsed.sites, host).name,
    );
    expect(names).toStrictEqual(['first', 'first', 'second', 'first']);
    expect(siteOfHost(parsed.sites, 'two.example.org').keyPrefix).toBe('uploads/second/');
  });

  it('is the only one where there is but one', () => {
    expect(siteOfHost(singleSite(first.database), 'any.example.org')).toMatchObject({
      name: 'default',
      database: first.database,
    });
  });

  it('has a host under which its pictures are shared, which is never one that may be another’s', () => {
    const shared = (sites: readonly object[], host: string): string | undefined => {
      const parsed = parse({ sites, default: 'first' });
      if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
      return sharedHostOf(parsed.sites, host);
    };
    const hosts = ['TWO.example.org', 'CDN.example.org', 'late.example.org'];
    expect(hosts.map((host) => shared([first, second], host))).toStrictEqual([
      'two.example.org',
      'cdn.example.org',
      'one.example.org',
    ]);
    expect(shared([first], 'late.example.org')).toBe('one.example.org');
    expect(shared([{ ...first, hosts: [] }, second], 'late.example.org')).toBeUndefined();
    expect(shared([{ ...first, hosts: [] }], 'Late.example.org')).toBe('late.example.org');
  });
});
