import type { Vectors } from '../avatar/ports.ts';
import { drawsWithinReason, type Tag } from './svg-references.ts';

/** No avatar has more; bounds the work below, which is linear in it. */
const MOST_BYTES = 512 * 1024;

/**
 * The elements that draw and do nothing else. Discourse takes the others out of uploads; style sheets, which
 * it leaves in, can load what they like. Names count as written: a prefix can be spelled in any script, and
 * mean anything.
 */
const ELEMENTS: ReadonlySet<string> = new Set(
  (
    'svg g defs use title desc path rect circle ellipse line polyline polygon text tspan textpath ' +
    'lineargradient radialgradient stop marker mask pattern symbol clippath filter fegaussianblur'
  ).split(' '),
);

/** A text of another version or encoding than it is read in here may say something else. */
const DECLARATION =
  /^\uFEFF?\s*(?:<\?xml\s+version=["']1\.0["'](?:\s+encoding=["']utf-8["'])?(?:\s+standalone=["'](?:yes|no)["'])?\s*\?>)?/i;

/** Characters that XML forbids: a reader that skips them, or takes them for letters, misses a word. */
// oxlint-disable-next-line no-control-regex
const NO_TEXT = /[\0-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\uFFFD-\uFFFF]/;
/** All references but the five that need no document type. A character's number could spell anything. */
const REFERENCE = /&(?!(?:amp|lt|gt|quot|apos);)/;

/**
 * A comment, the beginning or end of an element with its attributes, or whatever else begins with an
 * angle bracket. In comments there are none: readers differ on where a comment ends.
 */
const MARKUP =
  /<!--[^<]*?-->|<\/?(?<element>[^\s<>/="']+)(?<attributes>(?:\s+[^\s<>/="']+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*\/?>|</g;

/** Handlers, links to anywhere but into the picture, and what changes where links lead. */
const ACTIVE = /\s(?:[^\s=:]*:)*(?:(?:on[^\s=]*|src|base)\s*=|href\s*=\s*["'](?!\s*#))/i;
/** The functions that an attribute may call: colours, moves, and references within the picture. */
const CALLS =
  /(?<![^\s"'(),;:])(?:url\(\s*(?:["']|&quot;|&apos;)?#|(?:rgba?|hsla?|matrix|translate|scale|rotate|skew[xy])\()/gi;

/** Originals that are SVG and hold nothing but drawing. Refusing one more is better than one less. */
export const HARMLESS_VECTORS: Vectors = {
  accepts(bytes) {
    if (bytes.length > MOST_BYTES || !mayBeXml(bytes)) return false;
    const text = bytes.toString('utf8');
    if (NO_TEXT.test(text) || REFERENCE.test(text)) return false;
    const tags = tagsOfDrawing(text.replace(DECLARATION, ''));
    if (tags === undefined) return false;
    return (
      areHarmless(tags.map(({ attributes }) => attributes).join('')) && drawsWithinReason(tags)
    );
  },
};

export const NO_VECTORS: Vectors = { accepts: () => false };

/** One look decides for nearly all originals, which are no text at all. */
function mayBeXml(bytes: Buffer): boolean {
  const first = bytes[0];
  return first === 0x3c || first === 0xef || first === 0x20 || first === 0x0a || first === 0x0d;
}

/** @returns undefined when some elements are more than drawing, or the text is no SVG */
function tagsOfDrawing(text: string): Tag[] | undefined {
  if (!/^\s*</.test(text)) return undefined;
  const all: Tag[] = [];
  for (const { 0: markup, groups: { element, attributes = '' } = {} } of text.matchAll(MARKUP)) {
    if (element === undefined && markup !== '<') continue;
    const name = element?.toLowerCase() ?? '';
    if (!ELEMENTS.has(name) || (all.length === 0 && name !== 'svg')) return undefined;
    all.push({ attributes, kind: kindOf(markup) });
  }
  return all.length === 0 ? undefined : all;
}

function kindOf(markup: string): Tag['kind'] {
  if (markup.startsWith('</')) return 'ends';
  return markup.endsWith('/>') ? 'is empty' : 'begins';
}

function areHarmless(attributes: string): boolean {
  // CSS has an escape of its own, which could spell any call.
  if (ACTIVE.test(attributes) || attributes.includes('\\')) return false;
  return !attributes.replace(CALLS, '').includes('(');
}
