/**
 * Which font file draws a letter. The fonts are Noto, split by their packages into files of a few
 * hundred characters; a package's index says which file has which. Nothing is read before it is
 * needed: neither a package for a script nobody writes here, nor a file for letters nobody has.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { LRUCache } from 'lru-cache';
import { AvatarError } from '../errors.ts';
import type { Outline } from './outline.ts';
import { type Font, openFont } from './shaper.ts';

const SCOPE = '@fontsource-variable';
const GENERAL = 'noto-sans';

/** The packages asked for a letter, by the script of its first character, in this order. */
const PACKAGES: readonly (readonly [script: RegExp, packages: readonly string[]])[] = [
  // Stands for what could not be decoded: somebody, rather than a question mark.
  [/^\ufffd/, []],
  [/^\p{Script=Hangul}/u, ['noto-sans-kr']],
  // The Chinese fonts have the most surnames and given names; Japanese has what they lack.
  [/^\p{Script=Han}/u, ['noto-sans-sc', 'noto-sans-jp', 'noto-sans-kr']],
  [/^[\p{Script=Hiragana}\p{Script=Katakana}]/u, ['noto-sans-jp']],
  [/^\p{Script=Arabic}/u, ['noto-sans-arabic']],
  [/^\p{Script=Hebrew}/u, ['noto-sans-hebrew']],
  [/^\p{Script=Thai}/u, ['noto-sans-thai']],
  [/^\p{Script=Devanagari}/u, [GENERAL]],
  // Wide forms, and signs in plenty, are in the Japanese font.
  [
    /^[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Common}]/u,
    [GENERAL, 'noto-sans-jp'],
  ],
];

// A letter can be given thousands of marks, of which each is shaped and drawn.
const MOST_MARKS = 8;

/** Character ranges of a package and the file each is in: first, last, file; first, last, file … */
type Index = { readonly files: readonly string[]; readonly ranges: Uint32Array };

// A file in use takes 0.1 to 1 MB; whoever asks for the letters of one page soon asks for the next.
const OPEN_FONTS = 6;

export class FontShelf {
  readonly #require = createRequire(import.meta.url);
  readonly #indices = new Map<string, Promise<Index>>();
  readonly #fonts = new LRUCache<string, Promise<Font>>({ max: OPEN_FONTS });

  /**
   * The outline of a letter with all its marks; of its first character alone when no font has them
   * all; undefined when no font has even that.
   * @throws AvatarError `internal`, when a font package is missing or damaged
   */
  async outline(letter: string): Promise<Outline | undefined> {
    const [base = '', ...marks] = letter;
    const packages = PACKAGES.find(([script]) => script.test(base))?.[1] ?? [];
    for (const text of marks.length > MOST_MARKS ? [base] : new Set([letter, base])) {
      for (const name of packages) {
        const outline = await this.#outlineFrom(name, text);
        if (outline !== undefined) return outline;
      }
    }
    return undefined;
  }

  async #outlineFrom(name: string, text: string): Promise<Outline | undefined> {
    // The index may promise what a file lacks: only the font itself knows.
    for (const file of filesWith(await this.#index(name), text)) {
      const font = await this.#font(`${SCOPE}/${name}/files/${name}-${file}-wght-normal.woff2`);
      const outline = font.outline(text);
      if (outline !== undefined) return outline;
    }
    return undefined;
  }

  #index(name: string): Promise<Index> {
    const known = this.#indices.get(name);
    if (known !== undefined) return known;
    const index = this.#read(`${SCOPE}/${name}/unicode.json`).then((json) =>
      parseIndex(json.toString()),
    );
    this.#indices.set(name, index);
    index.catch(() => this.#indices.delete(name));
    return index;
  }

  #font(path: string): Promise<Font> {
    const known = this.#fonts.get(path);
    if (known !== undefined) return known;
    const font = this.#read(path).then(openFont);
    this.#fonts.set(path, font);
    font.catch(() => this.#fonts.delete(path));
    return font;
  }

  async #read(path: string): Promise<Buffer> {
    try {
      return await readFile(this.#require.resolve(path));
    } catch (cause) {
      throw new AvatarError('internal', {
        detail: `the font file ${path} of the letter avatars can't be read: install the packages again`,
        cause,
      });
    }
  }
}

/** @param json a package's `unicode.json`: `{"latin": "U+0-ff,U+131", "[4]": "U+d5bc-d5c7"}` */
export function parseIndex(json: string): Index {
  const entries: unknown = JSON.parse(json);
  const files: string[] = [];
  const ranges: number[] = [];
  for (const [file, list] of Object.entries(Object(entries))) {
    if (typeof list !== 'string') continue;
    for (const [, first = '', last = first] of list.matchAll(RANGE)) {
      ranges.push(Number.parseInt(first, 16), Number.parseInt(last, 16), files.length);
    }
    files.push(file.replace(/^\[(\d+)\]$/, '$1'));
  }
  return { files, ranges: Uint32Array.from(ranges) };
}

const RANGE = /U\+([0-9a-f]+)(?:-([0-9a-f]+))?/gi;

/** Files that have every character of the text. */
export function filesWith(index: Index, text: string): string[] {
  const [base = '', ...marks] = text;
  return [...filesOf(index, base)]
    .filter((file) => marks.every((mark) => filesOf(index, mark).has(file)))
    .map((file) => index.files[file] ?? '');
}

function filesOf({ ranges }: Index, character: string): Set<number> {
  const code = character.codePointAt(0) ?? 0;
  const files = new Set<number>();
  for (let at = 0; at + 2 < ranges.length; at += 3) {
    if (code >= (ranges[at] ?? 0) && code <= (ranges[at + 1] ?? 0)) files.add(ranges[at + 2] ?? 0);
  }
  return files;
}
