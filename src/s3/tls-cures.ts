/** Encrypted connections that do not come about: what to do about it. */
import type { Facts } from './thrown.ts';

const UNKNOWN_CA =
  'the CA of its certificate is not known here: start with NODE_EXTRA_CA_CERTS=FILE, with the CA in that file as PEM';

/** By the names that OpenSSL and Node have for what is wrong. */
const CURES: ReadonlyMap<string | undefined, string> = new Map([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', UNKNOWN_CA],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNKNOWN_CA],
  ['UNABLE_TO_GET_ISSUER_CERT', UNKNOWN_CA],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNKNOWN_CA],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNKNOWN_CA],
  ['CERT_HAS_EXPIRED', 'renew its certificate, or set the clock of this machine'],
  ['CERT_NOT_YET_VALID', 'set the clock of this machine, or mend its certificate'],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'its certificate is for other names: write one of them in endpoint=; with pathStyle=false, the bucket is put before it',
  ],
]);

/** What OpenSSL says of bytes that are no TLS. */
const NO_TLS = /wrong version number|packet length too long/;

/** @returns undefined when something else is wrong */
export function cureOfTls({ systemCode, message }: Facts): string | undefined {
  return NO_TLS.test(message)
    ? 'what answers there does not speak TLS: write http:// in endpoint=, or the port that does'
    : CURES.get(systemCode);
}
