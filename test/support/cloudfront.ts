/**
 * A sandbox for CloudFront Functions with the limits of runtime cloudfront-js-2.0, as its documentation
 * has them: ECMAScript 5.1 with a little of what came later, nothing to do input and output with, no
 * timers, no code from strings. Stricter than that runtime where it costs nothing: of the built-in
 * objects only what 5.1 has is left.
 */
import { createContext, Script } from 'node:vm';

/** One request as a function is given it. Names of headers are in lower case. */
export type ViewerRequest = {
  readonly method: string;
  readonly uri: string;
  readonly querystring: Readonly<Record<string, FieldValue>>;
  readonly headers: Readonly<Record<string, FieldValue>>;
  readonly cookies: Readonly<Record<string, FieldValue>>;
};

export type FieldValue = {
  readonly value: string;
  /** When it was sent more than once. */
  readonly multiValue?: readonly { readonly value: string }[];
};

/** Quota of the text of a function. */
export const MOST_BYTES = 10 * 1024;

const GLOBALS =
  'Object Function Array ArrayBuffer Boolean Date Error EvalError RangeError ReferenceError SyntaxError ' +
  'TypeError URIError JSON Math Number Promise RegExp String Symbol NaN Infinity undefined globalThis ' +
  'isFinite isNaN parseFloat parseInt decodeURI decodeURIComponent encodeURI encodeURIComponent';

/** By the object that has them. */
const METHODS = {
  'Array.prototype':
    'constructor length concat every filter forEach indexOf join lastIndexOf map pop push reduce ' +
    'reduceRight reverse shift slice some sort splice toString unshift',
  'String.prototype':
    'constructor length charAt charCodeAt concat indexOf lastIndexOf localeCompare match replace search ' +
    'slice split substring toLowerCase toUpperCase toString trim valueOf',
  'RegExp.prototype': 'constructor exec test toString source global ignoreCase multiline flags',
  Object:
    'length name prototype create defineProperties defineProperty freeze getOwnPropertyDescriptor ' +
    'getOwnPropertyNames getPrototypeOf isExtensible isFrozen isSealed keys preventExtensions seal',
  Math:
    'E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2 abs acos asin atan atan2 ceil cos exp floor log max min ' +
    'pow random round sin sqrt tan',
  Number: 'length name prototype MAX_VALUE MIN_VALUE NaN NEGATIVE_INFINITY POSITIVE_INFINITY',
} as const;

/** Run in the sandbox before the function: what is on no list goes. */
const PRUNE = `
  (function (globals, methods) {
    Object.keys(methods).forEach(function (path) {
      var owner = path.split('.').reduce(function (at, name) { return at[name]; }, globalThis);
      var kept = methods[path].split(' ');
      Object.getOwnPropertyNames(owner).forEach(function (name) {
        if (kept.indexOf(name) === -1) delete owner[name];
      });
    });
    var kept = globals.split(' ');
    Object.getOwnPropertyNames(globalThis).forEach(function (name) {
      if (kept.indexOf(name) === -1) delete globalThis[name];
    });
  })(${JSON.stringify(GLOBALS)}, ${JSON.stringify(METHODS)});
`;

/** Syntax newer than 5.1 that the runtime does not have. `const`, `let`, `=>` and templates it has. */
const FOREIGN_SYNTAX = {
  'an optional chain': /\?\./,
  'a nullish operator': /\?\?/,
  'a spread or rest': /\.\.\./,
  destructuring: /\b(?:const|let|var)\s*[[{]|[[{(][^()]*[\]}]\s*\)\s*=>/,
  'for…of': /\bfor\s*\([^;)]*\bof\b/,
  'a class, a module or a generator':
    /\b(?:class|import|export|require|yield|extends)\b|function\s*\*/,
  'a logical assignment': /(?:\|\||&&)=/,
  'a private or numeric novelty': /#\w|\d_\d|\d+n\b/,
};

const STRINGS_COMMENTS_PATTERNS =
  /'[^'\n]*'|\/\*[^]*?\*\/|\/\/.*$|(?<=[=(?]\s*)\/(?:\\.|\[[^\]\n]*\]|[^/\\\n])+\/[a-z]*/gm;

/** What is written in a function that the runtime would not take. */
export function foreignSyntax(source: string): string[] {
  const code = source.replaceAll(STRINGS_COMMENTS_PATTERNS, '0');
  return Object.entries(FOREIGN_SYNTAX)
    .filter(([, pattern]) => pattern.test(code))
    .map(([name]) => name);
}

/** @returns the function's handler, with a request that it may change in place */
export function loadFunction(source: string): (request: ViewerRequest) => ViewerRequest {
  const context = createContext({}, { codeGeneration: { strings: false, wasm: false } });
  new Script(PRUNE).runInContext(context);
  // Functions are in strict mode there, always.
  new Script(`'use strict';\n${source}`).runInContext(context);
  const call = new Script('JSON.stringify(handler(JSON.parse(event)))');
  return (request) => {
    const event = { version: '1.0', context: { eventType: 'viewer-request' }, request };
    context['event'] = JSON.stringify(event);
    return JSON.parse(String(call.runInContext(context, { timeout: 1000 })));
  };
}
