/** Every avatar there is by a naming scheme: the keys of the stores, read backwards. */
import { SMALLEST_SIZE, parseAvatarPath } from '../avatar/request.ts';
import { AvatarError } from '../errors.ts';
import { type Listing, mergeListings } from '../originals/listing.ts';
import type { KeyTemplate } from './template.ts';
import type { CurrentAvatar, Selection, Walk } from './walk.ts';

const UPLOAD = '[A-Za-z0-9][A-Za-z0-9-]{0,63}';

/** What each placeholder can have been filled with. Hosts come in lower case. */
const VALUES: Readonly<Record<string, string>> = {
  host: '[a-z0-9_-]+(?:\\.[a-z0-9_-]+)*',
  user: '[^/]+',
  id: `${UPLOAD}(?:_\\d{1,9})?`,
  upload: UPLOAD,
  version: '\\d{1,9}',
};

export type TemplateWalkOptions = {
  readonly templates: readonly KeyTemplate[];
  readonly listings: readonly Listing[];
  readonly selection: Selection;
};

export function createTemplateWalk({ templates, listings, selection }: TemplateWalkOptions): Walk {
  const prefix = commonPrefix(templates);
  const patterns = templates.map(patternOf);
  const stores = listings.map(({ name }) => name).join(' ');
  return {
    name: JSON.stringify([stores, patterns.map(({ source }) => source), selection]),
    tellsHosts: templates.every((pieces) => pieces.some(isHost)),
    // A listing does not say how long it will be.
    count: () => Promise.resolve(undefined),
    async *steps(after, signal) {
      const listed = listings.map((listing) => listing.list(prefix, after, signal));
      for await (const { key, lastModified } of mergeListings(listed)) {
        const avatar = readKey(patterns, key);
        if (avatar === undefined || isSelected(avatar, lastModified, selection))
          yield { mark: key, avatar };
      }
    },
    close() {
      for (const listing of listings) listing.close();
      return Promise.resolve();
    },
  };
}

function isSelected(
  { host, user }: CurrentAvatar,
  lastModified: Date,
  { site, user: wanted, since }: Selection,
): boolean {
  return (
    (site === undefined || host === undefined || host === site) &&
    (wanted === undefined || user === wanted) &&
    (since === undefined || lastModified >= since)
  );
}

function isHost(piece: KeyTemplate[number]): boolean {
  return 'placeholder' in piece && piece.placeholder === 'host';
}

/** What all keys begin with. */
function commonPrefix(templates: readonly KeyTemplate[]): string {
  const [first = '', ...others] = templates.map(([piece]) =>
    piece !== undefined && 'text' in piece ? piece.text : '',
  );
  let length = first.length;
  for (const other of others) {
    while (!other.startsWith(first.slice(0, length))) length -= 1;
  }
  return first.slice(0, length);
}

function patternOf(template: KeyTemplate): RegExp {
  const seen = new Set<string>();
  const source = template.map((piece) => {
    if ('text' in piece) return piece.text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`);
    const { placeholder } = piece;
    if (seen.has(placeholder)) return `\\k<${placeholder}>`;
    seen.add(placeholder);
    return `(?<${placeholder}>${VALUES[placeholder]})`;
  });
  return new RegExp(`^${source.join('')}$`, 'su');
}

/** @returns undefined for keys no address leads to */
function readKey(patterns: readonly RegExp[], key: string): CurrentAvatar | undefined {
  for (const pattern of patterns) {
    const groups = pattern.exec(key)?.groups;
    if (groups === undefined) continue;
    const { host, user = '', id, upload = '', version } = groups;
    const named = id ?? (version === undefined ? upload : `${upload}_${version}`);
    const avatar = {
      site: host ?? '',
      host,
      user,
      id: named,
      keys: [key],
      lastModified: undefined,
    };
    if (isAddressable(avatar)) return avatar;
  }
  return undefined;
}

/** Parts a template does without can be anything. */
function isAddressable({ host = 'any', user, id }: CurrentAvatar): boolean {
  if (!user.isWellFormed()) return false;
  try {
    const name = encodeURIComponent(user === '' ? 'any' : user);
    parseAvatarPath(`${host}/${name}/${SMALLEST_SIZE}/${id === '' ? '1' : id}.png`);
    return true;
  } catch (error) {
    if (error instanceof AvatarError) return false;
    throw error;
  }
}
