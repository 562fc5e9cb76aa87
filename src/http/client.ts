import { isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';

/** Whose word is taken for who a client is: these networks, or so many proxies in front. */
export type TrustedProxies = readonly string[] | number;

/** As Fastify wants to be told. */
export function trustIn(
  proxies: TrustedProxies | undefined,
): string[] | ((address: string, hop: number) => boolean) | false {
  if (proxies === undefined) return false;
  return typeof proxies === 'number' ? (_address, hop) => hop < proxies : [...proxies];
}

/** A name for who sent a request, for taking turns. */
export function clientOf({ ip }: Pick<FastifyRequest, 'ip'>): string {
  return isIPv6(ip) ? networkOf(ip) : ip;
}

const GROUPS = 8;
/** Behind these 64 bits everybody has as many addresses as there are (RFC 4291, section 2.5.4). */
const NETWORK_GROUPS = 4;
const MAPPED = /^::ffff:(?<v4>\d+\.\d+\.\d+\.\d+)$/i;

function networkOf(ip: string): string {
  const v4 = MAPPED.exec(ip)?.groups?.['v4'];
  if (v4 !== undefined) return v4;
  const [before = '', after] = ip.replace(/%.*$/, '').split('::');
  const head = groupsOf(before);
  const tail = groupsOf(after ?? '');
  const zeroes = Array.from({ length: GROUPS - head.length - tail.length }, () => '0');
  const whole = after === undefined ? head : [...head, ...zeroes, ...tail];
  return whole.slice(0, NETWORK_GROUPS).join(':');
}

/** Without leading zeroes, in lower case: each has one spelling. */
function groupsOf(text: string): string[] {
  if (text === '') return [];
  return text.split(':').map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''));
}
