/** Where avatars are, by Discourse's own database: whose upload an address means, and its keys. */
import type { Locator, Whereabouts } from '../avatar/ports.ts';
import type { AvatarName } from '../vocabulary/request.ts';
import { StaleCache } from './stale-cache.ts';
import { askableUpload, decide, MISSING } from './decide.ts';
import { Directory, type DirectoryOptions } from './directory.ts';
import { sharedHostOf, type Site, siteOfHost, type Sites } from './sites.ts';
import { parseSizes } from './sizes.ts';
import { type KeyRules, keysOfUpload } from './upload-url.ts';
import { canBeAUsername, canonicalUser } from './username.ts';
import { parseVersion } from './version.ts';

type DirectoryLimits = Omit<DirectoryOptions, 'site' | 'database'>;

/** What of the rules is the same for all sites. */
export type CommonKeyRules = Pick<KeyRules, 'localPrefix' | 'storePrefixes' | 'buckets'>;

export type DiscourseLocatorOptions = DirectoryLimits &
  CommonKeyRules & {
    readonly sites: Sites;
    /** How long an avatar found is believed to be the user's. */
    readonly positiveMs: number;
    /** How long it is believed that there is none. */
    readonly negativeMs: number;
    /** Told of each question that was put to a database. */
    readonly onLookUp?: (result: LookUpResult) => void;
  };

/** What the database had to say of an upload: that it is the user's, that another is, and so on. */
export type LookUpResult = 'found' | 'moved' | 'missing' | 'failed';

export interface DiscourseLocator extends Locator {
  locate(request: AvatarName, signal: AbortSignal): Promise<Whereabouts>;
  /**
   * The sizes a host's forum asks for, in the order of its setting; undefined while its database could
   * never be asked. Never throws.
   */
  sizesOf(host: string): Promise<readonly number[] | undefined>;
  /** The name of the site that serves a host. */
  siteOf(host: string): string;
  /** As `sharedHostOf`. */
  sharedHostOf(host: string): string | undefined;
  close(): Promise<void>;
}

/**
 * How long it is believed that another upload is the user's instead: the one asked for may be the next,
 * and instances that differ about it send clients round in circles. Enough for the questions of a crowd.
 */
const MOVED_MS = 1000;
/** How much longer an avatar found is believed while the database cannot be asked. */
const STALE_MS = 86_400_000;
/** Answers held, of all sites together; each takes up to 0.8 kB. */
const MOST_ANSWERS = 20_000;

export type OpenSite = Site & { readonly directory: Directory; readonly rules: KeyRules };

export function createDiscourseLocator(options: DiscourseLocatorOptions): DiscourseLocator {
  const { positiveMs, negativeMs } = options;
  const openDefault = openSite(options.sites.default, options);
  const open: Sites<OpenSite> = {
    sites: options.sites.sites.map((site) =>
      site === options.sites.default ? openDefault : openSite(site, options),
    ),
    default: openDefault,
  };
  const freshMs = { at: positiveMs, moved: MOVED_MS, missing: negativeMs } as const;
  const answers = new StaleCache<Whereabouts>({
    max: MOST_ANSWERS,
    freshMs: ({ kind }) => freshMs[kind],
    // A missing avatar is not given longer: whoever got it since would be shown without for as long
    // as CDNs keep that answer, while a 503 is tried again.
    staleMs: ({ kind }) => (kind === 'missing' ? 0 : STALE_MS),
  });
  const sizes = new StaleCache<readonly number[]>({
    max: options.sites.sites.length,
    freshMs: () => positiveMs,
    staleMs: () => Infinity,
  });

  return {
    async locate({ host, user, id }, signal) {
      const version = parseVersion(id);
      const username = canonicalUser(user);
      if (!version.valid || !canBeAUsername(username)) return MISSING;
      const { name, directory, rules } = siteOfHost(open, host);
      const upload = askableUpload(version);
      // No name of a site or user has a line break.
      const question = (of: number): string => `${name}\n${username}\n${of}`;
      return answers.get(question(upload), signal, async () => {
        const entry = await directory.lookUp(username, upload).catch((error: unknown) => {
          options.onLookUp?.('failed');
          throw error;
        });
        const answer = decide(entry, version, (url) => keysOfUpload(url, rules));
        options.onLookUp?.(answer.kind === 'at' ? 'found' : answer.kind);
        // Of who went back to a former picture it may be held that it is no longer theirs; together
        // with this answer, that would send clients round in circles.
        if (answer.kind === 'moved') {
          answers.forget(question(parseVersion(answer.id).upload), ({ kind }) => kind !== 'at');
        }
        return answer;
      });
    },

    async sizesOf(host) {
      const { name, directory } = siteOfHost(open, host);
      try {
        const { signal } = new AbortController();
        // Even an avatar in memory is not shown before its size is known to be one.
        return await sizes.getAtOnce(name, signal, async () =>
          parseSizes(await directory.avatarSizes()),
        );
      } catch {
        // The directory has reported it.
        return undefined;
      }
    },

    siteOf: (host) => siteOfHost(options.sites, host).name,

    sharedHostOf: (host) => sharedHostOf(options.sites, host),

    async close() {
      const closing = open.sites.map(({ directory }) => directory.close());
      await Promise.all(closing);
    },
  };
}

export function openSite(
  site: Site,
  options: DirectoryLimits & CommonKeyRules & { readonly sites: Sites },
): OpenSite {
  const { localPrefix, storePrefixes, buckets } = options;
  const { name, database, keyPrefix } = site;
  const multisite = options.sites.sites.length > 1;
  return {
    ...site,
    directory: new Directory({ ...options, site: name, database }),
    rules: { keyPrefix, localPrefix, storePrefixes, buckets, multisite },
  };
}
