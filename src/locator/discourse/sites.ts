/**
 * Which forum a request is for. Discourse's multisite keeps each forum in a database of its own and
 * finds it by host name; `AVATAR_SITES` says the same here.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { isSafePrefix } from './upload-url.ts';

const Name = Type.String({ minLength: 1, maxLength: 63, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' });

const SiteSchema = Type.Object(
  {
    name: Type.Readonly(Name),
    hosts: Type.Readonly(
      Type.Array(Type.String({ minLength: 1, maxLength: 253, pattern: '^[A-Za-z0-9._-]+$' })),
    ),
    database: Type.Readonly(Type.String({ minLength: 1 })),
    keyPrefix: Type.Readonly(Type.Optional(Type.String())),
  },
  { additionalProperties: false },
);

/** The file `AVATAR_SITES` names. */
export const SitesSchema = Type.Object(
  { sites: Type.Array(SiteSchema, { minItems: 1 }), default: Name },
  { additionalProperties: false },
);

export type Site = {
  /** Part of every cache key: never two sites of one name. */
  readonly name: string;
  /** In lower case. */
  readonly hosts: readonly string[];
  /** `postgres://…`, a secret. */
  readonly database: string;
  /** Replaces what precedes `original/` in this site's keys. */
  readonly keyPrefix?: string | undefined;
};

export type Sites<S extends Site = Site> = {
  readonly sites: readonly S[];
  /** One of `sites`: that of every host that no site lists. */
  readonly default: S;
};

export type ParsedSites =
  | { readonly ok: true; readonly sites: Sites }
  /** One line each, fit for a log: no value of the file is quoted. */
  | { readonly ok: false; readonly problems: readonly string[] };

const validator = Compile(SitesSchema);

/** A single forum, with all hosts. */
export function singleSite(database: string): Sites {
  const site: Site = { name: 'default', hosts: [], database };
  return { sites: [site], default: site };
}

/**
 * As in Discourse an unknown host is the default site's. Hosts are compared in lower case, as
 * requests carry them.
 */
export function siteOfHost<S extends Site>(sites: Sites<S>, host: string): S {
  const name = host.toLowerCase();
  return sites.sites.find((site) => site.hosts.includes(name)) ?? sites.default;
}

/**
 * The host whose addresses a picture is shared under. One that no site lists may be another site's some
 * day, and what is there by then would be shown as that site's: so it is the first of the default site.
 *
 * @returns undefined when the default site lists none, and so cannot be told from a future one
 */
export function sharedHostOf(
  { sites, default: standard }: Sites,
  host: string,
): string | undefined {
  const name = host.toLowerCase();
  const isSingle = sites.length === 1 && standard.hosts.length === 0;
  if (isSingle || sites.some(({ hosts }) => hosts.includes(name))) return name;
  return standard.hosts[0];
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
    const problems = validator
      .Errors(document)
      .map(({ instancePath, message }) => `${instancePath === '' ? '/' : instancePath} ${message}`);
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
      problems.push(`${at}/keyPrefix must be folder names with single slashes between them`);
    }
  }
  return problems;
}
