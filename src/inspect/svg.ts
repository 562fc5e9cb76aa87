import type { Vectors } from '../avatar/ports.ts';

/** An avatar of more is no avatar; bounds the work below, which is linear in it. */
const MOST_BYTES = 512 * 1024;

/**
 * What could run or expand: scripts and handlers, other documents and styles, animations, which can
 * set links, instructions, and document types, which declare entities; and references to characters,
 * which could spell any of these.
 */
const ACTIVE =
  /<!doctype|<!entity|<!\[cdata|<\?(?!xml\s)|<\s*(?:[\w-]+:)?(?:script|foreignobject|iframe|embed|object|handler|set|animate\w*|style|link|meta|image|audio|video)\b|[\s"'/]on[a-z]+\s*=|javascript:|data:|&#/i;
/** Links to anywhere but into the picture itself; white space and quotes are gone before. */
const OUTWARD = /(?:href|src)=(?!#)|url\((?!#)/i;

/** Originals that are SVG and hold nothing but drawing. Refusing one more is better than one less. */
export const HARMLESS_VECTORS: Vectors = {
  accepts(bytes) {
    if (bytes.length > MOST_BYTES || !mayBeXml(bytes)) return false;
    const text = bytes.toString('utf8');
    return (
      beginsWithSvg(text) &&
      !text.includes('\uFFFD') &&
      !ACTIVE.test(text) &&
      !OUTWARD.test(text.replace(/[\s"']+/g, ''))
    );
  },
};

export const NO_VECTORS: Vectors = { accepts: () => false };

/** One look decides for nearly all originals, which are no text at all. */
function mayBeXml(bytes: Buffer): boolean {
  const first = bytes[0];
  return first === 0x3c || first === 0xef || first === 0x20 || first === 0x0a || first === 0x0d;
}

/** Whether the root element is `svg`, behind a declaration and comments if there are any. */
function beginsWithSvg(text: string): boolean {
  let rest = text.replace(/^\uFEFF/, '').trimStart();
  if (rest.startsWith('<?xml')) rest = after('?>', rest);
  while (rest.startsWith('<!--')) rest = after('-->', rest);
  return /^<svg[\s/>]/i.test(rest);
}

function after(end: string, text: string): string {
  const place = text.indexOf(end);
  return place === -1 ? '' : text.slice(place + end.length).trimStart();
}
