/**
 * Finds originals by a naming scheme alone: `template:{host}/{user}/{id}|…`. A key is built from
 * the parts of a parsed request only, and each placeholder fills whole or part of one segment, so
 * nothing a client sends can reach a key outside the scheme.
 */
import type { Locator } from '../avatar/ports.ts';
import { hasPlainSegments } from '../vocabulary/keys.ts';
import type { AvatarName } from '../vocabulary/request.ts';

const PLACEHOLDERS = {
  host: (request) => request.host,
  user: (request) => request.user,
  id: (request) => request.id,
  upload: (request) => request.id.split('_')[0] ?? '',
  version: (request) => request.id.split('_')[1] ?? '',
} as const satisfies Record<string, (request: AvatarName) => string>;

const KNOWN = Object.keys(PLACEHOLDERS)
  .map((name) => `{${name}}`)
  .join(', ');

type Placeholder = keyof typeof PLACEHOLDERS;
type Piece = { readonly text: string } | { readonly placeholder: Placeholder };
/** One alternative, parsed. */
export type KeyTemplate = readonly Piece[];

const PIECE = /\{(?<name>[^{}]*)\}|(?<text>[^{}]+)|(?<stray>[{}])/g;

/**
 * @param text alternatives separated by `|`
 * @returns the parsed alternatives, or what is wrong with the text
 */
export function parseTemplates(text: string): KeyTemplate[] | { error: string } {
  const templates: KeyTemplate[] = [];
  for (const [index, alternative] of text.split('|').entries()) {
    // Told by its number: whatever was put in a wrong variable is not to be read in a log.
    const it = `alternative ${index + 1}`;
    const pieces: Piece[] = [];
    for (const { groups } of alternative.matchAll(PIECE)) {
      const { name, text: literal } = groups ?? {};
      if (name !== undefined && isPlaceholder(name)) pieces.push({ placeholder: name });
      else if (literal !== undefined) pieces.push({ text: literal });
      else if (name === undefined) return { error: `${it} has a lone brace` };
      else return { error: `${it} has an unknown placeholder (there are ${KNOWN})` };
    }
    if (pieces.length === 0) return { error: `${it} is empty` };
    if (!pieces.some((piece) => 'placeholder' in piece)) {
      return { error: `${it} has no placeholder` };
    }
    if (!hasPlainSegments(alternative)) {
      return { error: `${it} has an empty or dot segment` };
    }
    templates.push(pieces);
  }
  return templates;
}

export function createTemplateLocator(templates: readonly KeyTemplate[]): Locator {
  return {
    locate: (request) => {
      const keys = keysOf(templates, request);
      return Promise.resolve(keys.length === 0 ? { kind: 'missing' } : { kind: 'at', keys });
    },
  };
}

/** Where the original of an avatar may be, one key an alternative. */
export function keysOf(templates: readonly KeyTemplate[], request: AvatarName): string[] {
  // An id may be without a version: then `{version}` is empty, and `.{version}` would be `.`.
  return templates.map((template) => fill(template, request)).filter(hasPlainSegments);
}

function fill(template: KeyTemplate, request: AvatarName): string {
  return template
    .map((piece) => ('text' in piece ? piece.text : PLACEHOLDERS[piece.placeholder](request)))
    .join('');
}

function isPlaceholder(name: string): name is Placeholder {
  return Object.hasOwn(PLACEHOLDERS, name);
}
