/**
 * Which lines of a log a filter pattern of CloudWatch matches, as far as the templates use its language:
 * comparisons of properties of JSON, `&&`, `||` and parentheses. What is beyond that is an error.
 */

type Test = (line: Readonly<Record<string, unknown>>) => boolean;

const TOKEN = /\s*(?:(&&|\|\||[(){}])|\$\.(\w+)\s*(!=|<=|>=|=|<|>)\s*(?:"([^"]*)"|(\d+)))/y;

const COMPARISONS: Readonly<Record<string, (one: number, other: number) => boolean>> = {
  '<': (one, other) => one < other,
  '<=': (one, other) => one <= other,
  '>': (one, other) => one > other,
  '>=': (one, other) => one >= other,
};

export function filterPattern(pattern: string): Test {
  const tokens = tokensOf(pattern);
  const take = (text: string): boolean => {
    if (tokens[0] !== text) return false;
    tokens.shift();
    return true;
  };
  const must = (text: string): void => {
    if (!take(text)) throw new Error(`no ${text} where it should be in ${pattern}`);
  };
  // As with most languages, && binds closer.
  const either = (): Test => {
    const tests = [both()];
    while (take('||')) tests.push(both());
    return (line) => tests.some((test) => test(line));
  };
  const both = (): Test => {
    const tests = [one()];
    while (take('&&')) tests.push(one());
    return (line) => tests.every((test) => test(line));
  };
  const one = (): Test => {
    if (take('(')) {
      const inner = either();
      must(')');
      return inner;
    }
    const token = tokens.shift();
    if (typeof token !== 'function')
      throw new Error(`no comparison where one should be: ${pattern}`);
    return token;
  };
  must('{');
  const whole = either();
  must('}');
  if (tokens.length > 0) throw new Error(`more than a pattern: ${pattern}`);
  return whole;
}

function tokensOf(pattern: string): Array<string | Test> {
  const text = pattern.trimEnd();
  const tokens: Array<string | Test> = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new Error(`not understood in ${pattern}: ${text.slice(at)}`);
    const [, symbol, property = '', operator = '', word, number] = match;
    tokens.push(symbol ?? comparison(property, operator, word ?? Number(number)));
  }
  return tokens;
}

/** A property that a line does not have fits nothing. */
function comparison(property: string, operator: string, wanted: string | number): Test {
  if (operator === '=') return (line) => line[property] === wanted;
  if (operator === '!=') return (line) => property in line && line[property] !== wanted;
  const compare = COMPARISONS[operator];
  if (compare === undefined || typeof wanted !== 'number') {
    throw new Error(`${operator} is for numbers`);
  }
  return (line) => {
    const value = line[property];
    return typeof value === 'number' && compare(value, wanted);
  };
}
