/** Secrets taken out of what is shown of the environment. Pure. */

const SECRET_VARIABLE = /SECRET|TOKEN|PASSWORD|CREDENTIAL/i;
// An address may be a parameter of another, percent-encoded.
const WEB_USER = /(?<scheme>https?(?::\/\/|%3A%2F%2F))[^\s/?#&]*(?:@|%40)/gi;
// To the last @: a password may hold one that somebody forgot to encode.
const PASSWORD = /(?<user>\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/?#]*):\S*@/gi;
// Without the scheme it should have: at the beginning of a word, or of a parameter's value.
const BARE_PASSWORD =
  /(?<user>(?<=^|[\s=,|"'(])(?!file:|template:)[^\s/?#&=:@]+(?::|%3A)(?!(?:\/|%2F){2}))\S*(?<at>@|%40)/gi;
const SECRET_PARAMETER =
  /(?<name>[?&][^\s=&]*(?:password|secret|token|signature|credential|key)[^\s=&]*=)[^\s&]*/gi;

/** @param name of the variable the text is the value of */
export function redactVariable(name: string, text: string): string {
  return SECRET_VARIABLE.test(name) && text !== '' ? '…' : redact(text);
}

export function redact(text: string): string {
  return text
    .replaceAll(WEB_USER, '$<scheme>…@')
    .replaceAll(PASSWORD, '$<user>:…@')
    .replaceAll(BARE_PASSWORD, '$<user>…$<at>')
    .replaceAll(SECRET_PARAMETER, '$<name>…');
}
