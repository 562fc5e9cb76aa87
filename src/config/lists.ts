/** The variables that hold lists, read. */
import { isIP } from 'node:net';
import type { TrustedProxies } from '../http/client.ts';
import { type KeyTemplate, parseTemplates } from '../locator/template.ts';
import { NEGOTIATIONS, type NegotiableFormat } from '../vocabulary/formats.ts';
import { LARGEST_SIZE, SMALLEST_SIZE } from '../vocabulary/request.ts';

/** Of networks, as Fastify has them. */
const KEYWORDS = ['loopback', 'linklocal', 'uniquelocal'];
const BITS: Readonly<Record<number, number>> = { 4: 32, 6: 128 };

/** `AVATAR_LOCATOR` */
export function parseLocator(text: string): KeyTemplate[] | 'discourse' | { error: string } {
  if (text === 'discourse') return 'discourse';
  const prefix = 'template:';
  if (!text.startsWith(prefix))
    return { error: 'must be discourse, or template:… with alternatives behind |' };
  return parseTemplates(text.slice(prefix.length));
}

/** `AVATAR_HOSTS` */
export function parseHosts(text: string): ReadonlySet<string> | { error: string } {
  const hosts = words(text).map((host) => host.toLowerCase());
  const wrong = placesOf(hosts, (host) => !/^[\w-]+(?:\.[\w-]+)*$/.test(host));
  if (wrong !== '') return { error: `host names, which these are not: ${wrong}` };
  if (hosts.length === 0) return { error: 'host names, separated by spaces' };
  return new Set(hosts);
}

/** `AVATAR_SIZES` */
export function parseListedSizes(text: string): number[] | 'any' | { error: string } {
  if (text === 'any') return 'any';
  const sizes = words(text).map(Number);
  const allowed = `whole numbers from ${SMALLEST_SIZE} to ${LARGEST_SIZE}, separated by spaces, or any`;
  const areRight = sizes.every(
    (size) => Number.isInteger(size) && size >= SMALLEST_SIZE && size <= LARGEST_SIZE,
  );
  if (!areRight || sizes.length === 0) return { error: allowed };
  return [...new Set(sizes)].toSorted((a, b) => a - b);
}

/** `AVATAR_NEGOTIATE` */
export function parseNegotiable(text: string): readonly NegotiableFormat[] | { error: string } {
  const chosen = Object.entries(NEGOTIATIONS).find(([choice]) => choice === text);
  return chosen?.[1] ?? { error: `must be ${Object.keys(NEGOTIATIONS).join(' or ')}` };
}

/** `AVATAR_TRUSTED_PROXIES` */
export function parseTrustedProxies(text: string): TrustedProxies | { error: string } {
  if (/^[1-9]$/.test(text.trim())) return Number(text);
  const proxies = words(text);
  const wrong = placesOf(proxies, (proxy) => !isNetwork(proxy));
  if (wrong === '' && proxies.length > 0) return proxies;
  return { error: `${FORMS_OF_PROXIES}${wrong === '' ? '' : `, which these are not: ${wrong}`}` };
}

const FORMS_OF_PROXIES = `addresses, networks as in 10.0.0.0/8, ${KEYWORDS.join(', ')}, or a number from 1 to 9`;

function isNetwork(text: string): boolean {
  if (KEYWORDS.includes(text)) return true;
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (BITS[family] ?? 0));
}

/** Separated by white space; commas and Discourse's bars are as good. */
function words(text: string): string[] {
  return text.split(/[\s,|]+/).filter((word) => word !== '');
}

/** Not the words themselves: what was put in a wrong variable may be a secret. */
function placesOf(list: readonly string[], isWrong: (word: string) => boolean): string {
  return list.flatMap((word, index) => (isWrong(word) ? [`number ${index + 1}`] : [])).join(', ');
}
