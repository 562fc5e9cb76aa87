/** Which avatars a command is about, and the walk over them. */
import type { Config } from '../config/load.ts';
import { discourseKeyRules } from '../forum.ts';
import { createTemplateWalk, tells } from '../locator/template-walk.ts';
import type { KeyTemplate } from '../locator/template.ts';
import type { Selection, Walk } from '../locator/walk.ts';
import { createFolderListing } from '../originals/folder-listing.ts';
import { originalsSettings } from '../stores.ts';
import type { Listing } from '../vocabulary/keys.ts';
import { type Option, UsageError, type Values } from './command.ts';

export const SELECTION_OPTIONS = {
  site: { value: 'NAME', description: 'only this forum: its name in AVATAR_SITES, or a host' },
  user: { value: 'NAME', description: 'only the avatar of this user' },
  since: { value: 'DATE', description: 'only what was uploaded since, as in 2026-01-31' },
} as const satisfies Record<string, Option>;

/** @throws UsageError */
export function readSelection(values: Values): Selection {
  return { site: values.text('site'), user: values.text('user'), since: values.date('since') };
}

/** The host of all avatars that are served, where there is but one. */
export function onlyHostOf({ hosts }: Pick<Config, 'hosts'>): string | undefined {
  return hosts?.size === 1 ? [...hosts][0] : undefined;
}

/**
 * @param host that of avatars that don't tell theirs
 * @throws UsageError when there is no such site, or nothing that tells whose an avatar is
 */
export async function openWalk(
  config: Config,
  selection: Selection,
  host = onlyHostOf(config),
): Promise<Walk> {
  const { locator, originals } = config;
  if (locator.kind === 'template') {
    const { templates } = locator;
    // Hosts of keys are in lower case.
    const selected = { ...selection, site: selection.site?.toLowerCase() };
    checkTold(templates, selected, host);
    const listings = await openListings(config);
    return createTemplateWalk({ templates, listings, selection: selected, host });
  }
  const names = locator.sites.sites.map(({ name }) => name);
  if (selection.site !== undefined && !names.includes(selection.site)) {
    throw new UsageError(`--site is one of ${names.join(', ')}`);
  }
  const { createDiscourseWalk } = await import('../discourse/walk.ts');
  const rules = discourseKeyRules({ originals }, locator.localPrefix);
  return createDiscourseWalk({ sites: locator.sites, ...rules, selection, host });
}

/** @throws UsageError */
function checkTold(
  templates: readonly KeyTemplate[],
  { site, user }: Selection,
  host: string | undefined,
): void {
  const isTold = (placeholder: 'host' | 'user'): boolean =>
    templates.some((template) => tells(template, placeholder));
  if (site !== undefined && host === undefined && !isTold('host')) {
    throw new UsageError('--site: nothing in AVATAR_LOCATOR or AVATAR_HOSTS tells the host');
  }
  if (user !== undefined && !isTold('user')) {
    throw new UsageError('--user: AVATAR_LOCATOR has no {user}');
  }
}

async function openListings(config: Config): Promise<Listing[]> {
  return await Promise.all(
    config.originals.map(async (address) => {
      if (address.kind === 'folder') return createFolderListing(address.directory);
      const { createS3Listing } = await import('../s3/listing.ts');
      return createS3Listing(originalsSettings(address, config));
    }),
  );
}

/**
 * Which stores are meant, whatever the way to them. The name of a bucket is its own within AWS, whatever the
 * region, but other servers have names of their own.
 */
export function storesOf({ originals }: Pick<Config, 'originals'>): string[] {
  return originals.map((address) => {
    if (address.kind === 'folder') return `file:${address.directory}`;
    const { bucket, prefix, endpoint } = address;
    const at = endpoint === undefined ? '' : ` at ${serverOf(endpoint)}`;
    return `s3://${bucket}/${prefix}${at}`;
  });
}

/** Without a password in it: what is said of stores is written to disk. */
function serverOf(endpoint: string): string {
  const { host, pathname } = new URL(endpoint);
  return host + pathname;
}
