/**
 * Which forum a request is for. Discourse's multisite keeps each forum in a database of its own and
 * finds it by host name; `AVATAR_SITES` says the same here.
 */

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
