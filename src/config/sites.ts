/** Which forums there are, for `AVATAR_LOCATOR=discourse`. */
import { readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { type Site, type Sites, singleSite } from '../discourse/sites.ts';
import { isSafePrefix } from '../discourse/upload-url.ts';
import { codeOf } from '../errors.ts';
import type { Issues } from './issues.ts';

const NAME = '^[A-Za-z0-9][A-Za-z0-9._-]*$';
const HOST = '^[A-Za-z0-9._-]+$';
/** In words. */
const PATTERNS: Readonly<Record<string, string>> = {
  [NAME]: 'must begin with a letter or digit, followed by more, dots, hyphens and underscores',
  [HOST]: 'must be a host name, as in forum.example.org',
};

const Name = Type.String({ minLength: 1, maxLength: 63, pattern: NAME });

const SiteSchema = Type.Object(
  {
    name: Type.Readonly(Name),
    hosts: Type.Readonly(Type.Array(Type.String({ minLength: 1, maxLength: 253, pattern: HOST }))),
    database: Type.Readonly(Type.String({ minLength: 1 })),
    keyPrefix: Type.Readonly(Type.Optional(Type.String())),
  },
  { additionalProperties: false },
);

/** The file `AVATAR_SITES` names. */
const SitesSchema = Type.Object(
  { sites: Type.Array(SiteSchema, { minItems: 1 }), default: Name },
  { additionalProperties: false },
);

const PREFIX = 'must be folder names with single slashes between them';

const validator = Compile(SitesSchema);

type ParsedSites =
  | { readonly ok: true; readonly sites: Sites }
  /** One line each, fit for a log: no value of the file is quoted. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** @returns undefined after adding to the issues what is wrong or missing */
export function findSites(issues: Issues): Sites | undefined {
  const fromFile = issues.parse('AVATAR_SITES', readSites, undefined);
  const single = issues.parse('AVATAR_DISCOURSE_URL', readDatabaseUrl, undefined);
  if (fromFile !== undefined && single !== undefined) {
    issues.add('AVATAR_SITES', 'cannot go with AVATAR_DISCOURSE_URL: the file names the databases');
  }
  const isSilent = fromFile === undefined && single === undefined && issues.found.length === 0;
  if (isSilent) {
    issues.add(
      'AVATAR_DISCOURSE_URL',
      'must be set, or AVATAR_SITES, with AVATAR_LOCATOR=discourse',
    );
  }
  // Every key below a place that cannot be one would be dropped without a word.
  issues.parse('AVATAR_DISCOURSE_LOCAL_PREFIX', readPrefix, '');
  return fromFile ?? single;
}

function readDatabaseUrl(url: string): Sites | { error: string } {
  const problem = databaseUrlProblem(url);
  return problem === undefined ? singleSite(url) : { error: problem };
}

function readPrefix(prefix: string): string | { error: string } {
  return isSafePrefix(prefix) ? prefix : { error: PREFIX };
}

function readSites(file: string): Sites | { error: string } {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    // Its message has the name, which is a password where the address of a database was put here.
    return { error: `cannot be read: ${codeOf(error) ?? 'not the name of a file'}` };
  }
  const parsed = parseSites(text);
  return parsed.ok ? parsed.sites : { error: parsed.problems.join('; ') };
}

/** @param text the file's content; all that is wrong with it is reported at once */
export function parseSites(text: string): ParsedSites {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text around the mistake, and with it passwords.
    return { ok: false, problems: ['not JSON'] };
  }
  if (!validator.Check(document)) {
    const problems = validator.Errors(document).map((error) => {
      const { instancePath, message } = error;
      const said = error.keyword === 'pattern' ? PATTERNS[String(error.params.pattern)] : undefined;
      return `${instancePath === '' ? '/' : instancePath} ${said ?? message}`;
    });
    return { ok: false, problems: [...new Set(problems)] };
  }
  const sites = document.sites.map(({ name, hosts, database, keyPrefix }): Site => ({
    name,
    hosts: hosts.map((host) => host.toLowerCase()),
    database,
    keyPrefix,
  }));
  const chosen = sites.find(({ name }) => name === document.default);
  const problems = problemsOf(sites);
  if (chosen === undefined) problems.push('/default is not the name of one of the sites');
  return chosen === undefined || problems.length > 0
    ? { ok: false, problems }
    : { ok: true, sites: { sites, default: chosen } };
}

/** @returns why it cannot be the address of a database, without quoting it; undefined when it can */
export function databaseUrlProblem(url: string): string | undefined {
  if (!/^postgres(?:ql)?:\/\//.test(url)) return 'must begin with postgres://';
  // A socket's address has no host: postgres://role@/database?host=/var/run/postgresql
  const parsed = URL.parse(url.replace('@/', '@socket/'));
  if (parsed === null) return 'is not a URL; percent-encode what is special in the password';
  if (parsed.pathname.length < 2) return 'names no database';
  return undefined;
}

function problemsOf(sites: readonly Site[]): string[] {
  const problems: string[] = [];
  for (const [index, site] of sites.entries()) {
    const earlier = sites.slice(0, index);
    const at = `/sites/${index}`;
    if (earlier.some(({ name }) => name === site.name)) {
      problems.push(`${at}/name is that of an earlier site`);
    }
    for (const [position, host] of site.hosts.entries()) {
      const taken =
        earlier.some(({ hosts }) => hosts.includes(host)) || site.hosts.indexOf(host) < position;
      if (taken) problems.push(`${at}/hosts/${position} is listed before`);
    }
    const problem = databaseUrlProblem(site.database);
    if (problem !== undefined) problems.push(`${at}/database ${problem}`);
    if (site.keyPrefix !== undefined && !isSafePrefix(site.keyPrefix)) {
      problems.push(`${at}/keyPrefix ${PREFIX}`);
    }
  }
  return problems;
}
