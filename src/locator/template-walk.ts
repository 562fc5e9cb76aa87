/** Every avatar there is by a naming scheme: the keys of the stores, read backwards. */
import { AvatarError } from '../errors.ts';
import { mergeListings } from '../originals/listing.ts';
import type { Listing } from '../vocabulary/keys.ts';
import { SMALLEST_SIZE, parseAvatarPath } from '../vocabulary/request.ts';
import { type KeyTemplate, keysOf } from './template.ts';
import type { CurrentAvatar, Selection, Walk } from './walk.ts';

const UPLOAD = '[A-Za-z0-9][A-Za-z0-9-]{0,63}';

/** What each placeholder can have been filled with. Hosts come in lower case. */
const VALUES = {
  host: '[a-z0-9_-]+(?:\\.[a-z0-9_-]+)*',
  user: '[^/]+',
  id: `${UPLOAD}(?:_\\d{1,9})?`,
  upload: UPLOAD,
  version: '\\d{1,9}',
} as const;

type TemplateWalkOptions = {
  readonly templates: readonly KeyTemplate[];
  readonly listings: readonly Listing[];
  readonly selection: Selection;
  /** That of avatars whose keys don't tell it. */
  readonly host?: string | undefined;
};

export function createTemplateWalk({
  templates,
  listings,
  selection,
  host,
}: TemplateWalkOptions): Walk {
  const prefix = commonPrefix(templates);
  const patterns = templates.map(patternOf);
  const stores = listings.map(({ name }) => name).join(' ');
  return {
    name: JSON.stringify([stores, patterns.map(({ source }) => source), selection, host]),
    tellsHosts: templates.every((template) => tells(template, 'host')),
    tellsNames: templates.some(
      (template) => tells(template, 'user') && (tells(template, 'id') || tells(template, 'upload')),
    ),
    // Nothing is listed under a wrong prefix either.
    mayBeEmpty: selection.since !== undefined,
    // A listing does not say how long it will be.
    count: () => Promise.resolve(undefined),
    async *steps(after, signal) {
      const listed = listings.map((listing) => listing.list(prefix, after, signal));
      for await (const { key, lastModified } of mergeListings(listed)) {
        const avatar = meet(key, { templates, patterns, host });
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

export function tells(template: KeyTemplate, placeholder: keyof typeof VALUES): boolean {
  return template.some((piece) => 'placeholder' in piece && piece.placeholder === placeholder);
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

type Reading = Pick<TemplateWalkOptions, 'templates' | 'host'> & {
  readonly patterns: readonly RegExp[];
};

function meet(key: string, reading: Reading): CurrentAvatar | undefined {
  const avatar = readKey(key, reading);
  if (avatar === undefined) return undefined;
  const sooner = avatar.keys.slice(0, avatar.keys.indexOf(key)).filter((each) => {
    const { host, user, id } = readKey(each, reading) ?? {};
    return host === avatar.host && user === avatar.user && id === avatar.id;
  });
  return { ...avatar, met: { key, sooner } };
}

/** @returns undefined for keys no address leads to */
function readKey(
  key: string,
  { templates, patterns, host: given }: Reading,
): CurrentAvatar | undefined {
  for (const pattern of patterns) {
    const groups = pattern.exec(key)?.groups;
    if (groups === undefined) continue;
    const { host = given, user = '', id, upload = '', version } = groups;
    const named = id ?? (version === undefined ? upload : `${upload}_${version}`);
    const name = { host, user, id: named };
    const known = templates.filter((template) => template.every((piece) => isKnown(piece, name)));
    const avatar = {
      site: host ?? '',
      ...name,
      keys: keysOf(known, { ...name, host: host ?? '' }),
      lastModified: undefined,
    };
    // By `{id}/{upload}` the address of `5_2` leads to `5_2/5`, and none to `5_2/7`.
    if (avatar.keys.includes(key) && isAddressable(avatar)) return avatar;
  }
  return undefined;
}

function isKnown(
  piece: KeyTemplate[number],
  { host, user, id }: Pick<CurrentAvatar, 'host' | 'user' | 'id'>,
): boolean {
  if ('text' in piece) return true;
  if (piece.placeholder === 'host') return host !== undefined;
  return (piece.placeholder === 'user' ? user : id) !== '';
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
