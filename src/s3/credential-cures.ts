/** Credentials that are not there, not to be read or not accepted: what is wrong, and what to do about it. */
import type { Facts } from './thrown.ts';

const EXPIRED = 'the session has expired: renew AWS_SESSION_TOKEN and the keys it came with';
const CLOCK = 'the clock of this machine is wrong: synchronise it';

const CURES: ReadonlyMap<string, string> = new Map([
  ['SignatureDoesNotMatch', 'AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID'],
  ['InvalidAccessKeyId', 'the server does not know AWS_ACCESS_KEY_ID'],
  ['ExpiredToken', EXPIRED],
  ['ExpiredTokenException', EXPIRED],
  ['TokenRefreshRequired', EXPIRED],
  ['InvalidToken', 'AWS_SESSION_TOKEN is not valid, or of other keys than AWS_ACCESS_KEY_ID'],
  ['RequestTimeTooSkewed', CLOCK],
  ['RequestExpired', CLOCK],
  ['TokenProviderError', 'the single sign-on session has ended: log in again'],
]);

/** Where the SDK may be told to look; what it met with there it keeps to itself. */
const POINTERS: ReadonlyMap<string, string> = new Map([
  ['AWS_PROFILE', 'is there a profile of that name in ~/.aws, with keys or a role'],
  ['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', 'has the task a role, and does its address answer'],
  ['AWS_CONTAINER_CREDENTIALS_FULL_URI', 'does that address answer, and take its token'],
]);

/** Of the system, where a file is asked for: the SDK reads none but those of credentials. */
const FILE_TROUBLE = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ELOOP']);

/** @returns undefined when something else is wrong */
export function cureOfCredentials(facts: Facts): string | undefined {
  const { name, message, isOfCredentialService } = facts;
  if (name === 'CredentialsProviderError') return cureOfLack(message);
  if (isOfFile(facts)) {
    return `credentials cannot be read from their file (${message}): mount it, let the user of this process read it, or correct AWS_WEB_IDENTITY_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`;
  }
  if (CURES.has(name)) return CURES.get(name);
  return isOfCredentialService
    ? `credentials were refused, not the bucket (${message}): check AWS_ROLE_ARN and the trust policy of that role`
    : undefined;
}

function cureOfLack(message: string): string {
  const followed = [...POINTERS].filter(([variable]) => (process.env[variable] ?? '') !== '');
  const cure =
    followed.length > 0
      ? followed.map(([variable, check]) => `${variable} is set, and leads to none: ${check}?`)
      : [
          'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the task or the instance a role',
        ];
  return `no credentials were found (${message}): ${cure.join(' ')}`;
}

/** A firewall may refuse a connection with EACCES or EPERM too. */
function isOfFile({ systemCode, systemCall, status }: Facts): boolean {
  return (
    status === undefined &&
    systemCode !== undefined &&
    FILE_TROUBLE.has(systemCode) &&
    systemCall !== 'connect'
  );
}
