/** Parts of documents that are made by scripts, between `<!-- NAME -->` and `<!-- /NAME -->`. */

/** @throws Error when the document has no such section */
export function sectionOf(document: string, name: string): string {
  const { from, to } = placeOf(document, name);
  return document.slice(from, to).trim();
}

/**
 * The document with this in the section.
 * @throws Error when it has no such section
 */
export function withSection(document: string, name: string, content: string): string {
  const { from, to } = placeOf(document, name);
  return `${document.slice(0, from)}\n${content}\n${document.slice(to)}`;
}

function placeOf(document: string, name: string): { from: number; to: number } {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = document.indexOf(start);
  const to = document.indexOf(end);
  if (from === -1 || to < from) throw new Error(`no section "${name}"`);
  return { from: from + start.length, to };
}
