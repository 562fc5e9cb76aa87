/** The CloudFront Function on the list that the service itself answers to. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { preferredFormat } from '../../src/http/accept.ts';
import { NEGOTIATIONS } from '../../src/vocabulary/formats.ts';
import { type Client, MADE_UP, MALFORMED, REAL, WEIGHED } from '../http/accept-matrix.ts';
import {
  type FieldValue,
  foreignSyntax,
  loadFunction,
  MOST_BYTES,
  type ViewerRequest,
} from '../support/cloudfront.ts';
import { findProgram } from '../support/programs.ts';

const FILE = join(import.meta.dirname, '../../deploy/cloudfront/normalize-accept.js');
const source = readFileSync(FILE, 'utf8');
const handle = loadFunction(source);

const CLIENTS = [...REAL, ...MADE_UP, ...MALFORMED, ...WEIGHED];
const URI = '/user_avatar/h/u/48/1.png';

function viewerRequest(accept: FieldValue | undefined, uri = URI): ViewerRequest {
  const headers = { host: { value: 'cdn.example.org' }, ...(accept && { accept }) };
  return { method: 'GET', uri, querystring: {}, headers, cookies: {} };
}

function folded({ accept }: Pick<Client, 'accept'>): string | undefined {
  const field = accept === undefined ? undefined : { value: accept };
  return handle(viewerRequest(field)).headers['accept']?.value;
}

describe('the CloudFront Function', () => {
  it('is within the quota, and written in what the runtime has', () => {
    expect(Buffer.byteLength(source)).toBeLessThan(MOST_BYTES);
    expect(foreignSyntax(source)).toEqual([]);
  });

  it.each(CLIENTS)('$who: folded, and the service gives $gets', (client) => {
    const wish = preferredFormat(folded(client), ['avif', 'webp']);
    expect(wish).toBe(client.gets === 'png' ? 'none' : client.gets);
  });

  it('leaves three values of all that real clients send, and four of any', () => {
    const classes = ['image/avif,image/webp,*/*', 'image/webp,*/*', '*/*'];
    expect(new Set(REAL.map(folded))).toEqual(new Set(classes));
    expect(new Set(CLIENTS.map(folded))).toEqual(new Set([...classes, 'image/avif,*/*']));
  });

  it.each(Object.entries(NEGOTIATIONS))(
    'loses nothing for a service with AVATAR_NEGOTIATE=%s',
    (_choice, offered) => {
      for (const { who, accept } of CLIENTS) {
        expect(preferredFormat(folded({ accept }), offered), who).toBe(
          preferredFormat(accept, offered),
        );
      }
    },
  );

  it('leaves what is folded already as it is', () => {
    for (const client of CLIENTS) {
      const once = folded(client);
      expect(folded({ accept: once })).toBe(once);
    }
  });

  it('reads a header that was sent in two lines as one', () => {
    const multiValue = [{ value: 'image/webp' }, { value: 'image/avif;q=0.5' }];
    const { headers } = handle(viewerRequest({ value: 'image/webp', multiValue }));
    expect(headers['accept']).toEqual({ value: 'image/webp,*/*' });
  });

  it.each([
    '/user_avatar/h/u/48/1.webp',
    '/user_avatar/h/u/48/1.avif',
    '/letter_avatar/u/48/5.png',
    '/letter_avatar_proxy/v4/letter/u/aaaaaa/48.png',
  ])('needs one copy of %s, which is the same for all', (uri) => {
    const { headers } = handle(viewerRequest({ value: 'image/avif,image/webp' }, uri));
    expect(headers['accept']).toEqual({ value: '*/*' });
  });

  it('works below a path, and changes nothing else', () => {
    const request = viewerRequest({ value: 'image/webp' }, `/forum${URI}`);
    expect(handle(request)).toEqual({
      ...request,
      headers: { ...request.headers, accept: { value: 'image/webp,*/*' } },
    });
  });

  it('never takes long', () => {
    const costs = MALFORMED.map((client) => {
      const before = process.cpuUsage();
      for (let run = 0; run < 100; run += 1) folded(client);
      const { user, system } = process.cpuUsage(before);
      return { who: client.who, milliseconds: (user + system) / 100 / 1000 };
    });
    expect(costs.filter(({ milliseconds }) => milliseconds >= 1)).toEqual([]);
  });
});

/** The engine that CloudFront's runtime is made of. */
const njs = findProgram('njs');
if (njs === undefined && process.env['REQUIRE_NGINX'] === '1') {
  throw new Error('REQUIRE_NGINX=1, and njs is not installed');
}

describe.runIf(njs !== undefined)('the CloudFront Function in njs', () => {
  it('folds every header as it does in the sandbox', () => {
    const folder = mkdtempSync(join(tmpdir(), 'avatar-njs-'));
    try {
      const requests = CLIENTS.map(({ accept }) =>
        viewerRequest(accept === undefined ? undefined : { value: accept }),
      );
      const file = join(folder, 'function.js');
      const run = `console.log(JSON.stringify(${JSON.stringify(requests)}.map((request) => handler({ request }).headers.accept.value)));`;
      writeFileSync(file, `${source}\n${run}`);
      const values: unknown = JSON.parse(execFileSync(njs ?? '', [file], { encoding: 'utf8' }));
      expect(values).toEqual(CLIENTS.map(folded));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the sandbox', () => {
  it.each([
    ['eval("1")', ReferenceError.name],
    ['new Function("return 1")()', EvalError.name],
    ['setTimeout(handler, 1)', ReferenceError.name],
    ['fetch("https://example.org")', ReferenceError.name],
    ['process.exit()', ReferenceError.name],
    ['new Map()', ReferenceError.name],
    ['"a".at(0)', TypeError.name],
    ['[1].flat()', TypeError.name],
    ['Object.fromEntries([])', TypeError.name],
    ['undeclared = 1', ReferenceError.name],
  ])('has no %s', (expression, name) => {
    const run = loadFunction(`function handler(event) { ${expression}; return event.request; }`);
    expect(() => run(viewerRequest(undefined))).toThrow(expect.objectContaining({ name }));
  });

  it.each([
    'a?.b',
    'a ?? b',
    'f(...a)',
    'const { a } = b',
    'const [a] = b',
    'map(([a]) => a)',
    'for (const a of b) {}',
    'class A {}',
    'import a from "a"',
    'require("fs")',
    'function* a() {}',
    'a ||= b',
  ])('knows %s as foreign', (syntax) => {
    expect(foreignSyntax(syntax)).not.toEqual([]);
  });
});
