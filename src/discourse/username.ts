/** How Discourse compares user names. Pure. */
import { downcase } from './downcase.ts';

/** `users.username_lower` is a `varchar(60)`: a longer name cannot be anybody's. */
const LONGEST_USERNAME = 60;

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001F\u007F-\u009F]/;

/**
 * What `users.username_lower` holds for a name. No Unicode normalisation: Discourse has none here
 * either, so that a name in another normal form is another name.
 */
export function canonicalUser(user: string): string {
  return downcase(user);
}

/**
 * False for what no row can hold, and what PostgreSQL would refuse with an error (NUL, lone
 * surrogates); such names must neither reach it nor fill the cache of answers. Nor may a slash, which
 * Discourse allows in no name: it separates the parts of the names that avatars have here, and with
 * it one could be spelled that is another's.
 *
 * @param username as `canonicalUser` gives it
 */
export function canBeAUsername(username: string): boolean {
  return (
    username !== '' &&
    // Before counting code points: a name may be as long as a request line.
    username.length <= 2 * LONGEST_USERNAME &&
    Array.from(username).length <= LONGEST_USERNAME &&
    username.isWellFormed() &&
    !username.includes('/') &&
    !CONTROL.test(username)
  );
}
