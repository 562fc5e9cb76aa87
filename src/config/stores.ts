/** The grammar of `AVATAR_ORIGINALS`, which stores in which order, and of `AVATAR_VARIANTS`. */
import { fileURLToPath } from 'node:url';

export type S3Address = {
  readonly kind: 's3';
  /** The variable to name in messages. */
  readonly variable: 'AVATAR_ORIGINALS' | 'AVATAR_VARIANTS';
  readonly bucket: string;
  /** Empty, or ends with a slash, and begins with none. */
  readonly prefix: string;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  readonly pathStyle: boolean | undefined;
  readonly accelerate: boolean;
  readonly dualstack: boolean;
};

type FolderAddress = { readonly kind: 'folder'; readonly directory: string };

export type StoreAddress = S3Address | FolderAddress;

const FORMS =
  's3://BUCKET[/PREFIX][?region=&endpoint=&pathStyle=&accelerate=&dualstack=] or file:DIR';
const S3_OPTIONS = ['region', 'endpoint', 'pathStyle', 'accelerate', 'dualstack'];
/** General purpose buckets, access point aliases and the laxer names of other servers. */
const BUCKET = /^[a-zA-Z0-9][a-zA-Z0-9._-]{1,253}[a-zA-Z0-9]$/;
/** A label of a host name: the SDK sends nothing with any other. */
const REGION = /^(?!-)[a-zA-Z0-9-]{1,63}(?<!-)$/;

/** @returns the addresses in order, or what would be right, of each that is wrong */
export function parseStores(text: string): StoreAddress[] | { error: string } {
  const addresses: StoreAddress[] = [];
  const errors: string[] = [];
  const words = text.split(/\s+/).filter((each) => each !== '');
  for (const [index, word] of words.entries()) {
    const address = word.startsWith('s3://')
      ? parseS3(word, 'AVATAR_ORIGINALS')
      : parseFolder(word);
    // By number: the word may hold a password, in a place where nothing would recognise it.
    if ('error' in address) errors.push(`address ${index + 1} ${address.error}`);
    else addresses.push(address);
  }
  if (errors.length > 0) return { error: errors.join('; ') };
  return addresses.length === 0 ? { error: `one or more of ${FORMS}` } : addresses;
}

/** @returns the one bucket for variants, or what would be right */
export function parseVariantStore(text: string): S3Address | { error: string } {
  const [word = '', ...others] = text.split(/\s+/).filter((each) => each !== '');
  if (!word.startsWith('s3://') || others.length > 0) {
    // In a folder there is no place for what has to be kept with the bytes.
    return { error: 'one s3://BUCKET[/PREFIX][?…], with the options of AVATAR_ORIGINALS' };
  }
  return parseS3(word, 'AVATAR_VARIANTS');
}

function parseFolder(word: string): FolderAddress | { error: string } {
  if (word.startsWith('file://')) {
    try {
      return { kind: 'folder', directory: fileURLToPath(word) };
    } catch {
      return { error: 'is not a file URL of this machine' };
    }
  }
  const directory = word.startsWith('file:') ? word.slice('file:'.length) : '';
  if (directory === '') return { error: `must be ${FORMS}` };
  return { kind: 'folder', directory };
}

function parseS3(word: string, variable: S3Address['variable']): S3Address | { error: string } {
  const [location = '', query = ''] = word.slice('s3://'.length).split('?', 2);
  const slash = location.indexOf('/');
  const bucket = slash === -1 ? location : location.slice(0, slash);
  if (!BUCKET.test(bucket)) return { error: 'has not the name of a bucket' };
  const path = slash === -1 ? '' : decoded(location.slice(slash));
  if (path === undefined) {
    return {
      error:
        'has a prefix that is not percent-encoded, or has control characters (%20 is a space, %25 a percent sign)',
    };
  }
  // Keys begin with no slash: two of them here are a slip.
  const folder = path.replace(/^\/+|\/+$/g, '');

  const names = [...new URLSearchParams(query).keys()];
  if (names.some((name) => !S3_OPTIONS.includes(name))) {
    return { error: `has an unknown option (there are ${S3_OPTIONS.join(', ')})` };
  }
  // Compose files have `accelerate=` where nothing is set, unlike `accelerate`, which is to switch it on.
  const isSet = (option: string): boolean => !/^[^=]+=$/.test(option);
  const options = new URLSearchParams(query.split('&').filter(isSet).join('&'));
  const pathStyle = flag(options, 'pathStyle');
  const accelerate = flag(options, 'accelerate');
  const dualstack = flag(options, 'dualstack');
  if (pathStyle === null || accelerate === null || dualstack === null) {
    return { error: 'has a pathStyle, accelerate or dualstack that is neither true nor false' };
  }
  const endpoint = options.get('endpoint') ?? undefined;
  if (endpoint !== undefined && !isHttpUrl(endpoint)) {
    return { error: 'has an endpoint that is not an http(s) URL' };
  }
  if (endpoint !== undefined && accelerate === true) {
    return { error: 'has accelerate, which is for AWS itself, with an endpoint' };
  }
  if (pathStyle === true && accelerate === true) {
    return { error: 'has accelerate, which needs the bucket in the host name, with pathStyle' };
  }
  const region = options.get('region') ?? undefined;
  if (region !== undefined && !REGION.test(region)) {
    const rule = 'as in eu-central-1 (between addresses are spaces, not commas)';
    return { error: `has no region after region=, ${rule}` };
  }
  return {
    kind: 's3',
    variable,
    bucket,
    prefix: folder === '' ? '' : `${folder}/`,
    region,
    endpoint,
    // Servers other than AWS seldom have a host name for each bucket.
    pathStyle: pathStyle ?? endpoint !== undefined,
    accelerate: accelerate ?? false,
    dualstack: dualstack ?? false,
  };
}

/** What ends a line would end it in a log as well. */
function decoded(path: string): string | undefined {
  try {
    const text = decodeURIComponent(path);
    // oxlint-disable-next-line no-control-regex
    return /[\0-\x1f\x7f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function flag(options: URLSearchParams, name: string): boolean | undefined | null {
  switch (options.get(name)) {
    case null:
      return undefined;
    case '':
    case 'true':
      return true;
    case 'false':
      return false;
    default:
      return null;
  }
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
