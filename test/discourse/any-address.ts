/**
 * Addresses as anybody may make them up, and what Discourse's routes and decisions make of each: told
 * from the parts it was made of, by the specification alone.
 */
import * as fc from 'fast-check';
import { colourOf as letterColourOf } from '../../src/discourse/letter-rules.ts';
import { avatar, BLANK, type Expected, near, TEN_MINUTES } from './fixture.ts';

type Parts = {
  readonly host: string;
  /** As it stands in the address, like all of them. */
  readonly user: string;
  readonly size: string;
  readonly upload: string;
  readonly version: string;
  readonly extension: string;
};

/** Whose uploads there are; those of `broken` ones cannot be shown. */
export type People = Readonly<
  Record<
    string,
    { readonly current?: number; readonly others?: readonly number[]; readonly broken?: true }
  >
>;

type Outcome = {
  readonly kind: 'none' | 'nobody' | 'avatar';
  /** How often the client is sent on before. */
  readonly redirects: number;
  readonly seen: Expected;
};

const SIZES = [24, 48, 72, 96, 144, 288];
/** Discourse draws no letter that is larger, and nothing else is drawn here. */
const LARGEST_DRAWING = 360;

export function urlOf({ host, user, size, upload, version, extension }: Parts): string {
  return `/user_avatar/${host}/${user}/${size}/${upload}${version}${extension}`;
}

/** @param isLettered whether who has no avatar is shown by a letter */
export function outcomeOf(parts: Parts, people: People, isLettered: boolean): Outcome {
  const name = decoded(parts.user)?.replaceAll('Σ', 'σ').toLowerCase();
  const file = decoded(parts.upload + parts.version);
  if (!isRouted(parts) || name === undefined || file === undefined) {
    const seen = { status: 404, type: 'application/problem+json', cacheControl: TEN_MINUTES };
    return { kind: 'none', redirects: 0, seen };
  }
  const size = Number(parts.size);
  const { id, version } = readFile(file);
  const nobody = (edge: number, redirects: number): Outcome => {
    const width = Math.min(LARGEST_DRAWING, edge);
    const letter = { ...BLANK, colour: near(letterColourOf(name)) };
    return { kind: 'nobody', redirects, seen: { ...(isLettered ? letter : BLANK), width } };
  };
  if (version > 2 || id <= 0n || size < 8 || size > 1000 || !canBeAName(name)) {
    return nobody(Math.max(8, size), 0);
  }
  const shown = nearest(size);
  const sent = shown === size ? 0 : 1;
  const person = Object.hasOwn(people, name) ? people[name] : undefined;
  const owned = [person?.current, ...(person?.others ?? [])].find((each) => each === Number(id));
  const upload = owned ?? person?.current;
  if (upload === undefined) return nobody(shown, sent);
  const redirects = sent + (owned === undefined ? 1 : 0);
  if (person?.broken === true) return nobody(shown, redirects);
  return { kind: 'avatar', redirects, seen: avatar(upload, shown) };
}

/** By the constraints of the route. */
function isRouted({ host, user, size, upload, version, extension }: Parts): boolean {
  return (
    /^[\w.-]+$/.test(host) &&
    /^[%\w.-]+$/.test(user) &&
    /^\d+$/.test(size) &&
    /^[^/.?]+$/.test(upload + version) &&
    extension === '.png'
  );
}

/** Undefined for what is no UTF-8. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** As Ruby's `split` and `to_i` have it: of each part the number it begins with, else 0. */
function readFile(file: string): { id: bigint; version: number } {
  const [id = 0n, version = 0n] = file
    .split('_')
    .map((part) => BigInt(/^\s*\+?(-?\d+)/.exec(part)?.[1] ?? 0));
  return { id, version: Number(version) };
}

/** Whether a row of the database could have it. */
function canBeAName(name: string): boolean {
  const characters = Array.from(name);
  // oxlint-disable-next-line no-control-regex
  return characters.length <= 60 && !/[/\u0000-\u001F\u007F-\u009F]/.test(name);
}

/** A tie goes low. */
function nearest(size: number): number {
  const distances = SIZES.map((each) => Math.abs(each - size));
  return SIZES[distances.indexOf(Math.min(...distances))] ?? 0;
}

/** @param names of people, some of whom there are */
export function anyAddress(names: readonly string[]): fc.Arbitrary<Parts> {
  return fc.record({
    host: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('default', 'forum.example.org', '..', '%2e', 'a') },
      fc.stringMatching(/^[\w.-]{1,20}$/),
    ),
    user: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...names).map(encodeURIComponent) },
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 70 }).map(encodeURIComponent),
      fc.stringMatching(/^[%\w.-]{1,20}$/),
      fc.uint8Array({ minLength: 1, maxLength: 40 }).map(percentEncoded),
    ),
    size: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('24', '48', '72', '96', '36', '97', '0048', '1000') },
      fc.constantFrom('8', '7', '0', '1001', '-48', '4.8', '', 'NaN', '9e9'),
      fc.bigInt({ min: 0n, max: 2n ** 70n }).map(String),
    ),
    upload: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('10', '11', '12', '20', '30', '9999', '315', '328') },
      fc.constantFrom('2147483647', '2147483648', '9223372036854775807', '9223372036854775808'),
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
      fc.constantFrom(
        'abc',
        '10abc',
        '+10',
        '%2010',
        '10%00',
        "10'--",
        '10%27%3B--',
        '..',
        '1e1',
        '',
      ),
    ),
    version: fc.oneof(
      { weight: 2, arbitrary: fc.constant('_2') },
      fc.constantFrom('', '_1', '_0', '_3', '__2', '_x', '_2_9', '_-1'),
    ),
    extension: fc.oneof(
      { weight: 6, arbitrary: fc.constant('.png') },
      fc.constantFrom('.jpg', '', '.png/', '.svg', '.PNG'),
    ),
  });
}

function percentEncoded(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}
