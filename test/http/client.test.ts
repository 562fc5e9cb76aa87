import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { clientOf, type TrustedProxies, trustIn } from '../../src/http/client.ts';

describe('the name of a client', () => {
  it.each([
    ['is an IPv4 address', '192.0.2.7', '192.0.2.7'],
    ['is that of IPv4 on a socket of IPv6', '::ffff:192.0.2.7', '192.0.2.7'],
    ['is a network of IPv6', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['is the same however it is spelt', '2001:0DB8:0001:0002::9', '2001:db8:1:2'],
    ['has its zeroes', '2001:db8::1', '2001:db8:0:0'],
    ['is that of this machine', '::1', '0:0:0:0'],
    ['has no zone', 'fe80::1%eth0', 'fe80:0:0:0'],
  ])('%s', (_what, ip, name) => {
    expect(clientOf({ ip })).toBe(name);
  });
});

describe('a client behind proxies', () => {
  async function nameOf(trusted: TrustedProxies | undefined, forwarded: string): Promise<string> {
    const app = Fastify({ trustProxy: trustIn(trusted) });
    app.get('/', (request) => clientOf(request));
    const headers = { 'x-forwarded-for': forwarded };
    const { body } = await app.inject({ url: '/', headers, remoteAddress: '10.0.0.9' });
    return body;
  }

  it.each<[string, TrustedProxies | undefined, string, string]>([
    ['is the last of them while nobody is trusted', undefined, '203.0.113.5', '10.0.0.9'],
    ['is who the trusted one saw', ['10.0.0.0/8'], '203.0.113.5', '203.0.113.5'],
    ['cannot make itself another', ['10.0.0.0/8'], '1.1.1.1, 203.0.113.5', '203.0.113.5'],
    ['is behind all that are trusted', ['uniquelocal'], '203.0.113.5, 10.1.1.1', '203.0.113.5'],
    ['is behind so many', 2, '1.1.1.1, 203.0.113.5, 198.51.100.1', '203.0.113.5'],
  ])('%s', async (_what, trusted, forwarded, name) => {
    expect(await nameOf(trusted, forwarded)).toBe(name);
  });
});
