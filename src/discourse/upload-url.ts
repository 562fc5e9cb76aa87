/**
 * From `uploads.url` to the key of the original. Only the key is taken from the URL: host, region and
 * bucket in it are those of the day of the upload, while the configured stores say where the objects
 * are now. Moving a bucket thus needs no change to any row. Pure.
 *
 * Forms that exist in databases, all of them with or without `http:` or `https:` in front:
 *
 *     //BUCKET.s3.dualstack.REGION.amazonaws.com/[FOLDER/][uploads/DB/]original/3X/b/3/SHA1.png
 *     //BUCKET.s3.REGION.amazonaws.com.cn/…   //BUCKET.s3.amazonaws.com/…   //BUCKET.ENDPOINT/…
 *     //s3-REGION.amazonaws.com/BUCKET/…      //ENDPOINT/BUCKET/…           (path style)
 *     /[forum/]uploads/DB/original/3X/…                                     (on the forum's own disk)
 */
import { hasPlainSegments } from '../vocabulary/keys.ts';

export type KeyRules = {
  /**
   * Replaces all that precedes `original/`, so that there is one key and it is below this prefix. For
   * sites that share a bucket whose layout is not Discourse's.
   */
  readonly keyPrefix?: string | undefined;
  /**
   * Where the files of the forum's disk (`public/uploads/…`) were copied to: put before `uploads/…`.
   * Without it they are looked for as they were, and where Discourse's own migration puts them.
   */
  readonly localPrefix?: string | undefined;
  /** What stores put before each key themselves, the PREFIX of `s3://BUCKET/PREFIX`. */
  readonly storePrefixes?: readonly string[] | undefined;
  /** Names of buckets, present and former: the first segment of a path-style URL. */
  readonly buckets?: readonly string[] | undefined;
  /** Several forums share the stores: a key keeps its `uploads/DB/`, whatever else is tried. */
  readonly multisite?: boolean | undefined;
};

/** S3's limit on a key. */
const LONGEST_KEY_BYTES = 1024;

const EXTERNAL = /^(?:https?:)?\/\/(?<host>[^/]+)\/(?<path>.+)$/i;
const LOCAL = /^\/(?:[^/]+\/)*?(?<path>uploads\/.+)$/;
const AWS_PATH_STYLE = /^s3(?:[.-][a-z0-9-]+|\.dualstack\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?$/i;
const ORIGINAL = /(?:^|\/)(?<tail>original\/\d+X\/.+)$/;
const SITE_FOLDER = /(?:^|\/)(?<tail>uploads\/[^/]+\/original\/\d+X\/.+)$/;
// Discourse names objects by hash and extension. A percent sign, query or fragment is none of its
// doing, and would let two readers of one key disagree on what it names.
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\\%?#\u0000-\u001F\u007F-\u009F\u2028\u2029]/;

/**
 * The keys an upload may be under, most probable first: where the layout is Discourse's own, the
 * first is right, and the object is found by one request. The others follow for stores whose prefix
 * is the folder or the site's part of the layout. No key has an empty, `.` or `..` segment.
 *
 * @returns none, when the URL names nothing that can be in a store
 */
export function keysOfUpload(url: string, rules: KeyRules = {}): readonly string[] {
  // Even where the rules would cut it off: such a row was not written by Discourse.
  if (url.split('/').some((segment) => segment === '.' || segment === '..')) return [];
  const local = LOCAL.exec(url)?.groups?.['path'];
  const candidates = local === undefined ? keysOfExternal(url, rules) : keysOfLocal(local, rules);
  return [...new Set(candidates)].filter(isSafeKey);
}

/** True for what may be put before keys: segments as in a key, if any, with or without outer slashes. */
export function isSafePrefix(prefix: string): boolean {
  const folder = withoutOuterSlashes(prefix);
  return folder === '' || isSafeKey(folder);
}

function keysOfLocal(path: string, rules: KeyRules): readonly string[] {
  if (rules.keyPrefix !== undefined) return [below(rules.keyPrefix, afterSite(path))];
  if (rules.localPrefix !== undefined && rules.localPrefix !== '') {
    return [below(rules.localPrefix, path)];
  }
  const known = withoutStorePrefix(path, rules);
  // Discourse's migration of a single site to S3 drops `uploads/default/`.
  const original = tailOf(ORIGINAL, path);
  return rules.multisite === true || original === undefined
    ? [...known, path]
    : [...known, path, original];
}

function keysOfExternal(url: string, rules: KeyRules): readonly string[] {
  const groups = EXTERNAL.exec(url)?.groups;
  const host = groups?.['host'];
  const stored = groups?.['path'];
  if (host === undefined || stored === undefined) return [];
  const path = withoutBucket(host, stored, rules.buckets ?? []);
  if (rules.keyPrefix !== undefined) return [below(rules.keyPrefix, afterSite(path))];

  const siteFolder = tailOf(SITE_FOLDER, path);
  const original = tailOf(ORIGINAL, path);
  const keys = [...withoutStorePrefix(path, rules), path];
  if (siteFolder !== undefined) keys.push(siteFolder);
  // Without its `uploads/DB/`, a key of one forum could be that of another.
  const bare = siteFolder === undefined || rules.multisite !== true;
  if (original !== undefined && bare) keys.push(original);
  return keys;
}

/** The URL's path below the bucket: in path style, the bucket is the path's first segment. */
function withoutBucket(host: string, path: string, buckets: readonly string[]): string {
  const slash = path.indexOf('/');
  if (slash < 1) return path;
  const first = path.slice(0, slash);
  const pathStyle =
    AWS_PATH_STYLE.test(host) ||
    buckets.some((bucket) => first === bucket && !host.startsWith(`${bucket}.`));
  return pathStyle ? path.slice(slash + 1) : path;
}

function withoutStorePrefix(path: string, rules: KeyRules): string[] {
  return (rules.storePrefixes ?? [])
    .map((prefix) => below(prefix, ''))
    .filter((prefix) => prefix !== '' && path.startsWith(prefix))
    .map((prefix) => path.slice(prefix.length));
}

/** What is left for a site with a prefix of its own; layouts from before `original/` keep theirs. */
function afterSite(path: string): string {
  return tailOf(ORIGINAL, path) ?? path.replace(/^(?:.*\/)?uploads\/[^/]+\//, '');
}

function tailOf(pattern: RegExp, path: string): string | undefined {
  return pattern.exec(path)?.groups?.['tail'];
}

function below(prefix: string, key: string): string {
  const folder = withoutOuterSlashes(prefix);
  return folder === '' ? key : `${folder}/${key}`;
}

function withoutOuterSlashes(text: string): string {
  return text.replace(/^\/+/, '').replace(/\/+$/, '');
}

function isSafeKey(key: string): boolean {
  return (
    Buffer.byteLength(key) <= LONGEST_KEY_BYTES &&
    key.isWellFormed() &&
    !FORBIDDEN.test(key) &&
    hasPlainSegments(key)
  );
}
