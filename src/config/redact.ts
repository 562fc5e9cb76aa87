/** Secrets taken out of what is shown of the environment, and of what others say of it. Pure. */

const SECRET_VARIABLE = /SECRET|TOKEN|PASSWORD|CREDENTIAL/i;
// An address may be a parameter of another, percent-encoded. Of a database the user alone is no secret.
const USER =
  /(?<scheme>\b(?!postgres(?:ql)?:)[a-z][a-z0-9+.-]*(?::\/\/|%3A%2F%2F))[^\s/?#&]*(?:@|%40)/gi;
// To the last @: a password may hold one that somebody forgot to encode.
const PASSWORD = /(?<user>\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/?#]*):\S*@/gi;
// Without the scheme it should have, in a value: sentences have colons and @ of other kinds. At the beginning of a word, or of a parameter's value.
const BARE_PASSWORD =
  /(?<user>(?<=^|[\s=,|"'(])(?!file:|template:)[^\s/?#&=:@]+(?::|%3A)(?!(?:\/|%2F){2}))\S*(?<at>@|%40)/gi;
const SECRET_PARAMETER =
  /(?<name>[?&][^\s=&]*(?:password|secret|token|signature|credential|key)[^\s=&]*=)[^\s&]*/gi;

// Where the whole text is an address, a password ends at the last @, whatever it holds.
const WEB = /^(?<scheme>https?:\/\/)[^/?#]*@/i;
const DATABASE = /^postgres(?:ql)?:\/\//i;
const DATABASE_PARTS =
  /^(?<scheme>postgres(?:ql)?:\/\/)(?:(?<user>[\w.~%+-]*)(?<password>:[^]*)?@)?(?<place>(?:[\w.%-]+|\[[\da-f:]+\])?(?::\d+)?\/[^@?]*)(?<query>[^@]*)$/i;
const SECRET_OF_QUERY = /(?<name>[?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*/gi;

/** @param name of the variable the text is the value of */
export function redactVariable(name: string, text: string): string {
  if (SECRET_VARIABLE.test(name) && text !== '') return '…';
  if (name === 'AVATAR_DISCOURSE_URL' || DATABASE.test(text)) return redactDatabase(text);
  return redact(text.replace(WEB, '$<scheme>…@')).replaceAll(BARE_PASSWORD, '$<user>…$<at>');
}

/** Nothing of what no database can be at: where the password is in that, nobody knows. */
function redactDatabase(text: string): string {
  const parts = DATABASE_PARTS.exec(text)?.groups;
  if (parts === undefined) return text === '' ? '' : '…';
  const { scheme = '', user, password, place = '', query = '' } = parts;
  const login = user === undefined ? '' : `${user}${password === undefined ? '' : ':…'}@`;
  return scheme + login + place + query.replaceAll(SECRET_OF_QUERY, '$<name>…');
}

/** Of a sentence. What may hold the value of a variable as it was set is for `redactVariable`. */
export function redact(text: string): string {
  return text
    .replaceAll(USER, '$<scheme>…@')
    .replaceAll(PASSWORD, '$<user>:…@')
    .replaceAll(SECRET_PARAMETER, '$<name>…');
}
